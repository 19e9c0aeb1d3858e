"""Readers that break a law of readers are caught by it."""

from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from deepnoise_core.contracts import Screen
from deepnoise_core.contracts.errors import ImageError, ScreenError
from deepnoise_core.data.stores import FileStore
from deepnoise_core.testing import readers
from deepnoise_core.testing.examples import ReaderMaker
from deepnoise_core.testing.suites import Law
from deepnoise_plugins.table.options import TableOptions
from deepnoise_plugins.table.reader import TableReader

EXAMPLE = "deepnoise_plugins.table.example:write_example"
FURTHER = {"pack/pack": "deepnoise_plugins.pack.example:write_example"}


class _Table(TableReader):
    def __init__(self) -> None:
        super().__init__(TableOptions())


class _Greedy(_Table):
    """Takes everything for its own."""

    def recognises(self, path: Path) -> bool:
        return True


class _Terse(_Table):
    """Does not say what it could not open."""

    def open(self, path: Path) -> Screen:
        try:
            return super().open(path)
        except ScreenError:
            raise ScreenError("this is no screen") from None


class _Noting(_Table):
    """Leaves a note where it looked."""

    def recognises(self, path: Path) -> bool:
        if path.is_dir():
            (path / ".seen").touch()
        return super().recognises(path)


class _Modest(_Table):
    """Takes nothing for its own."""

    def recognises(self, path: Path) -> bool:
        return False


class _Collector(_Table):
    """Takes every folder for its own that has something in it."""

    def recognises(self, path: Path) -> bool:
        return path.is_dir() and any(path.iterdir())


class _Absolute(_Table):
    """Does not know its layout by a relative path."""

    def recognises(self, path: Path) -> bool:
        return path.is_absolute() and super().recognises(path)


class _Indexing(_Table):
    """Writes an index beside the table."""

    def open(self, path: Path) -> Screen:
        screen = super().open(path)
        (path / "index.bin").touch()
        return screen


class _Turning(_Table):
    """Lists sites as it pleases."""

    calls = count()

    def open(self, path: Path) -> Screen:
        screen = super().open(path)
        return screen.take(np.roll(np.arange(len(screen)), next(self.calls)))


class _OneName(_Table):
    """Names the sites of a well alike."""

    def open(self, path: Path) -> Screen:
        return _with(super().open(path), site_id="well_id")


class _Namesakes(_Table):
    """Names all channels alike."""

    def open(self, path: Path) -> Screen:
        screen = super().open(path)
        return replace(screen, channels=screen.channels[:1] * len(screen.channels))


class _Store(FileStore):
    """A store of files; those below are wrong in one thing each."""


class _Planar(_Store):
    """Puts channels last."""

    def read(self, rows: NDArray[np.int64]) -> NDArray[Any]:
        return np.moveaxis(super().read(rows), 1, -1)


class _Sorted(_Store):
    """Reads rows in the order of the disk."""

    def read(self, rows: NDArray[np.int64]) -> NDArray[Any]:
        return super().read(np.sort(rows))


class _First(_Store):
    """Takes the first rows, whichever were asked for."""

    def take(self, rows: NDArray[np.int64]) -> FileStore:
        return super().take(np.arange(len(rows)))


class _Black(_Store):
    """Reads black where a file cannot be read."""

    def read(self, rows: NDArray[np.int64]) -> NDArray[Any]:
        try:
            return super().read(rows)
        except ImageError:
            return np.zeros((len(rows), *self.shape), self.dtype)


class _Stored(_Table):
    """Keeps images in one of these stores."""

    store: type[FileStore] = _Store

    def open(self, path: Path) -> Screen:
        screen = super().open(path)
        screen.store.__class__ = self.store
        return screen


def _keeping(store: type[FileStore]) -> type[_Stored]:
    return type(store.__name__, (_Stored,), {"store": store, "__doc__": store.__doc__})


class _Silent(_Table):
    """Leaves out sites without an image and does not say so."""

    def open(self, path: Path) -> Screen:
        return replace(super().open(path), dropped=())


def _with(screen: Screen, **names: str) -> Screen:
    return replace(screen, sites=screen.sites.with_columns(**{new: pl.col(old) for new, old in names.items()}))


@pytest.mark.parametrize(
    ("broken", "law", "message"),
    [
        (_Greedy, readers.nothing_is_not_recognised, "empty is recognised"),
        (_Terse, readers.nothing_opens_with_one_clear_error, "does not name the path: this is no screen"),
        (_Noting, readers.looking_changes_nothing, "recognising leaves files behind"),
        (_Modest, readers.its_example_is_recognised, "does not recognise its own example"),
        (_OneName, readers.its_example_opens_as_sites, "two sites have one site_id"),
        (_Namesakes, readers.its_channels_have_names, "two channels have one name: nuclei, nuclei"),
        (_keeping(_Planar), readers.its_images_are_read, "where the store says"),
        (_keeping(_Sorted), readers.rows_are_read_in_the_order_asked, r"rows \[3, 0, 0\] are read as others"),
        (_keeping(_First), readers.a_part_reads_its_own_images, "a part of the screen reads other images"),
        (_Turning, readers.opening_twice_gives_one_screen, "has another table"),
        (_Indexing, readers.opening_changes_nothing, "opening changes files"),
        (_Absolute, readers.any_spelling_of_the_path_will_do, "screen is not recognised, but /"),
        (_Collector, readers.examples_of_others_are_not_recognised, "the reader pack/pack is recognised"),
        (_keeping(_Black), readers.a_missing_image_is_named, "read though .* is gone"),
        (_Silent, readers.a_missing_image_is_named, "is left out without a word"),
        (_keeping(_Black), readers.a_damaged_image_is_named, "read though .* is cut short"),
    ],
)
def test_a_broken_reader_is_caught(broken: type[TableReader], law: Law, message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        law(ReaderMaker(broken, EXAMPLE, FURTHER))
