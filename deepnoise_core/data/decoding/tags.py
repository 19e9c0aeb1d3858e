"""The entries of a TIFF directory that say how its pixels are read."""

from __future__ import annotations

import struct
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from deepnoise_core.contracts.errors import ImageError
from deepnoise_core.data.decoding.content import AGAIN

if TYPE_CHECKING:
    import tifffile


class Tag(IntEnum):
    """The entries of a directory that say how its pixels are read."""

    WIDTH = 256
    LENGTH = 257
    BITS_PER_SAMPLE = 258
    COMPRESSION = 259
    PHOTOMETRIC = 262
    FILL_ORDER = 266
    STRIP_OFFSETS = 273
    SAMPLES_PER_PIXEL = 277
    ROWS_PER_STRIP = 278
    STRIP_BYTE_COUNTS = 279
    PREDICTOR = 317
    TILE_WIDTH = 322
    TILE_LENGTH = 323
    TILE_OFFSETS = 324
    TILE_BYTE_COUNTS = 325
    SAMPLE_FORMAT = 339


class Tags:
    """The entries of `Tag` in a directory, all of which hold integers."""

    def __init__(self, path: Path, file: tifffile.TiffFile, page: tifffile.TiffPage) -> None:
        self._path = path
        self._entries = {tag.code: tag for tag in page.tags if tag.code in _CODES}
        listed, following = read_directory(file, page.offset)
        # tifffile leaves out an entry that it cannot understand, which would then count as its default.
        if sorted(self._entries) != sorted(_CODES.intersection(listed)) or following > file.filehandle.size:
            raise ImageError(f"{path}: entries of its directory are damaged; {AGAIN}")

    def __contains__(self, tag: Tag) -> bool:
        return tag in self._entries

    def __getitem__(self, tag: Tag) -> int:
        numbers = self.numbers(tag)
        if len(numbers) != 1:
            raise ImageError(f"{self._path}: {_words(tag)} is {numbers.tolist()[:5]}, not one number; {AGAIN}")
        return int(numbers[0])

    def get(self, tag: Tag, default: int) -> int:
        """A single number; `default` where the directory does not list it."""
        return self[tag] if tag in self._entries else default

    def numbers(self, tag: Tag) -> NDArray[np.int64]:
        """All numbers of an entry, [n]."""
        entry = self._entries.get(tag)
        if entry is None or entry.dtype not in _INTEGERS:
            raise ImageError(f"{self._path}: its directory holds no numbers for {_words(tag)}; {AGAIN}")
        return np.atleast_1d(np.asarray(entry.value, dtype=np.int64))


def read_directory(file: tifffile.TiffFile, offset: int) -> tuple[list[int], int]:
    """The codes of all entries of the directory at a byte, and where the next one lies; 0 where none follows."""
    tiff, handle = file.tiff, file.filehandle
    handle.seek(offset)
    (entries,) = struct.unpack(tiff.tagnoformat, handle.read(tiff.tagnosize))
    entry = np.dtype([("code", f"{tiff.byteorder}u2"), ("rest", f"V{tiff.tagsize - 2}")])
    codes = np.frombuffer(handle.read(entries * entry.itemsize), dtype=entry)["code"]
    (following,) = struct.unpack(tiff.offsetformat, handle.read(tiff.offsetsize))
    return codes.tolist(), following


_CODES = frozenset(Tag)
_INTEGERS = (3, 4, 16)  # SHORT, LONG and LONG8


def _words(tag: Tag) -> str:
    return tag.name.lower().replace("_", " ")
