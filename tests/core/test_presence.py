"""Absent images are what a look at every single file would find."""

import os
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepnoise_core.contracts.errors import ScreenError
from deepnoise_core.data.presence import absent_images, lacking_sites

FILES = ("a.png", "b.png", "p/a.png", "p/b c.png", "p/q/a.png", "./p/a.png", "r/a.png", "a.png/b.png", "p")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("images")
    (folder / "p" / "q").mkdir(parents=True)
    for name in ("a.png", "p/a.png", "p/b c.png", "p/q/a.png"):
        (folder / name).touch()
    return folder


@given(rows=st.lists(st.lists(st.sampled_from((*FILES, None)), min_size=2, max_size=2), min_size=1, max_size=5))
@pytest.mark.parametrize("absolute", [False, True])
def test_as_a_look_at_every_file(rows: list[list[str | None]], absolute: bool, folder: Path) -> None:
    given_ = [[f"{folder}/{name}" if absolute and name else name for name in row] for row in rows]
    names = pl.DataFrame(given_, schema={"x": pl.String, "y": pl.String}, orient="row")
    root = Path("elsewhere") if absolute else folder
    expected = [
        (row, channel, name)
        for row, (one, other) in enumerate(given_)
        for channel, name in (("x", one), ("y", other))
        if name is None or not (root / name).exists()
    ]
    absent = absent_images(names, root)
    assert absent.rows() == expected
    lacking = lacking_sites(absent, pl.Series([f"s{row}" for row in range(len(rows))]), 2, root)
    assert list(lacking) == sorted({row for row, *_ in expected})
    assert all(site.site_id == f"s{row}" for row, site in lacking.items())


def test_reasons_name_folder_and_files(folder: Path) -> None:
    names = pl.DataFrame({"x": ["p/x.png", "p/x.png", None], "y": ["p/y.png", "y.png", "a.png"]})
    lacking = lacking_sites(absent_images(names, folder), pl.Series(["s0", "s1", "s2"]), 2, folder)
    assert [site.reason for site in lacking.values()] == [
        f"2 of 2 images missing in {folder / 'p'}: x.png, y.png",
        "2 of 2 images missing: p/x.png, y.png",
        f"1 of 2 images missing in {folder}: (none named for x)",
    ]


def test_names_in_another_encoding_are_passed_over(tmp_path: Path) -> None:
    for name in (b"\xb5.png", "µ.png".encode()):
        Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name)).touch()
    assert absent_images(pl.DataFrame({"x": ["µ.png", "a.png"]}), tmp_path).rows() == [(1, "x", "a.png")]


def test_a_folder_that_cannot_be_listed_is_an_error(folder: Path) -> None:
    name = "n" * 300 + "/a.png"
    with pytest.raises(ScreenError, match=r"cannot be listed \(File name too long\); check its rights"):
        absent_images(pl.DataFrame({"x": [name]}), folder)
