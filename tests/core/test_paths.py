"""Names of files stay inside their folder, by the rules of every system."""

import ntpath
import posixpath

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepnoise_core.contracts.errors import ScreenError
from deepnoise_core.data.paths import require_inside

INSIDE = ("a.png", "Plate1/B02_s1_w1.png", "..a/b..", "a/...", "a b/ü.tif", ".hidden/x", "-", "a/./b")
OUTSIDE = (
    "..",
    "../a",
    "a/..",
    "a/../../b",
    "/etc/passwd",
    "//server/share",
    "\\\\server\\share\\x",
    "C:\\x",
    "C:x",
    "c:/x",
    "a\\..\\b",
    "a\0.png",
)


def check(name: str) -> None:
    require_inside(pl.Series(["a.png", name]), pl.Series(["t.csv:2", "t.csv:3"]))


@pytest.mark.parametrize("name", INSIDE)
def test_names_inside_pass(name: str) -> None:
    check(name)


@pytest.mark.parametrize("name", OUTSIDE)
def test_names_outside_are_refused(name: str) -> None:
    with pytest.raises(ScreenError) as error:
        check(name)
    assert str(error.value).startswith(f"t.csv:3: {name!r} may lead out of its folder")


def test_nulls_pass() -> None:
    require_inside(pl.Series(["a", None]), pl.Series(["t.csv:2", "t.csv:3"]))


@given(st.lists(st.sampled_from(["..", ".", "a", "/", "\\", "C:", " "]), max_size=8).map("".join))
def test_what_passes_is_inside_by_both_rule_sets(name: str) -> None:
    try:
        check(name)
    except ScreenError:
        return
    for rules in (posixpath, ntpath):
        root = "/r/s" if rules is posixpath else "C:\\r\\s"
        joined = rules.normpath(rules.join(root, name))
        assert rules.commonpath([root, joined]) == root
