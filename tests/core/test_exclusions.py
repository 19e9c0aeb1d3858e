"""Exclusions: what is written is read, what is left out is recorded, and faults are told by their line."""

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepnoise_core.contracts.errors import OutputError, ScreenError
from deepnoise_core.data.exclusions import NO_REASON, read_exclusions, without_excluded, write_exclusions
from deepnoise_core.testing.screens import random_screen

NAMES = st.text(
    st.characters(min_codepoint=33, max_codepoint=0x2FFF, exclude_categories=["Z", "C"]), min_size=1, max_size=12
)


@given(st.dictionaries(NAMES, st.lists(NAMES, min_size=1).map(" ".join), max_size=8))
def test_what_is_written_is_read(reasons: dict[str, str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "exclude.csv"
        write_exclusions(path, reasons)
        assert list(read_exclusions(path).items()) == list(reasons.items())


def test_a_list_is_never_overwritten_and_each_site_has_one_line(tmp_path: Path) -> None:
    path = tmp_path / "exclude.csv"
    write_exclusions(path, {"a": "out of\nfocus,\r\n dark"})
    assert path.read_text() == 'site_id,reason\na,"out of focus, dark"\n'
    with pytest.raises(OutputError, match="already exists"):
        write_exclusions(path, {})


def test_a_reason_may_be_missing(tmp_path: Path) -> None:
    path = tmp_path / "exclude.csv"
    path.write_text("site_id,reason,seen_by\na,,me\nb,dust,you\n")
    assert read_exclusions(path) == {"a": NO_REASON, "b": "dust"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("site,reason\na,b\n", r"exclude.csv:1: column 'site_id' is missing"),
        ("site_id,reason\na,b\n,c\n", r"exclude.csv:3: site_id is empty"),
        ("site_id,reason\na,b\nb,c\na,d\n", r"exclude.csv:4: site 'a' stands already on line 2"),
        ("site_id,reason\na,b\nb\n", r"exclude.csv:3: 1 fields where the header has 2"),
        ("", "the file is empty"),
    ],
    ids=["column", "no id", "twice", "ragged", "empty"],
)
def test_faults_are_told_by_their_line(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "exclude.csv"
    path.write_text(text)
    with pytest.raises(ScreenError, match=message):
        read_exclusions(path)


def test_excluded_sites_are_dropped_with_their_reason() -> None:
    screen = random_screen()
    names = screen.sites["site_id"].to_list()
    left = without_excluded(screen, {names[5]: "dust", names[2]: "dark"}, "exclude.csv")
    kept = np.delete(np.arange(len(screen)), [2, 5])
    assert left.sites["site_id"].to_list() == [names[row] for row in kept]
    np.testing.assert_array_equal(left.store.read(np.arange(len(left))), screen.store.read(kept))
    assert [(one.site_id, one.reason) for one in left.dropped] == [(names[5], "dust"), (names[2], "dark")]


def test_a_site_that_was_dropped_before_keeps_its_reason() -> None:
    screen = random_screen()
    name = screen.sites["site_id"][0]
    once = without_excluded(screen, {name: "dust"}, "exclude.csv")
    twice = without_excluded(once, {name: "dark"}, "exclude.csv")
    assert twice.dropped == once.dropped
    assert len(twice) == len(once) == len(screen) - 1


def test_what_is_no_site_is_told_with_close_names() -> None:
    screen = random_screen()
    with pytest.raises(ScreenError, match=r"mine.csv:3: random screen has no site 'E0_1_B02_9', did you mean"):
        without_excluded(screen, {screen.sites["site_id"][0]: "dust", "E0_1_B02_9": "dark"}, "mine.csv")


def test_some_site_must_be_left() -> None:
    screen = random_screen()
    with pytest.raises(ScreenError, match="excludes every site"):
        without_excluded(screen, dict.fromkeys(screen.sites["site_id"].to_list(), "dust"), "mine.csv")
