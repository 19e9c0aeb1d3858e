"""How the pixels of a TIFF page lie in its file, checked before any is decoded."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from deepnoise_core.contracts.errors import ImageError
from deepnoise_core.data.decoding.content import AGAIN
from deepnoise_core.data.decoding.header import require_size
from deepnoise_core.data.decoding.tags import Tag, Tags

if TYPE_CHECKING:
    import tifffile


@dataclass(frozen=True)
class Layout:
    """How the pixels of one greyscale page lie in its file: in strips or tiles, row by row.

    Attributes:
        height: rows of the page, in pixels.
        width: columns of the page, in pixels.
        dtype: of the pixels as stored, in the file's byte order: `uint8`, `uint16` or a float.
        segment: (rows, columns) of a strip or tile.
        grid: how many strips or tiles stand below and beside one another.
        tiled: whether the last row and column of tiles are padded; the last strip need not be.
        extents: offset and byte count of each segment, int64 [n, 2].
        compression: number of the scheme in TIFF.
        predictor: 1 for none, 2 for differences along a row.
    """

    height: int
    width: int
    dtype: np.dtype[Any]
    segment: tuple[int, int]
    grid: tuple[int, int]
    tiled: bool
    extents: NDArray[np.int64]
    compression: int
    predictor: int


def read_layout(path: Path, file: tifffile.TiffFile, page: tifffile.TiffPage, max_pixels: int) -> Layout:
    """The layout of a page.

    Raises:
        ImageError: the page is larger than `max_pixels`, coloured, or of a pixel type that is not read; or its
            segments are too few or many, overlap, or lie outside the file.
    """
    tags = Tags(path, file, page)
    height, width = tags[Tag.LENGTH], tags[Tag.WIDTH]
    require_size(path, height, width, max_pixels)
    _require_grey(path, tags)
    dtype = _dtype(path, tags).newbyteorder(file.byteorder)
    tiled = Tag.TILE_WIDTH in tags
    segment = (
        (tags[Tag.TILE_LENGTH], tags[Tag.TILE_WIDTH])
        if tiled
        else (min(tags.get(Tag.ROWS_PER_STRIP, height), height), width)
    )
    if min(segment) < 1:
        raise ImageError(f"{path}: its strips or tiles are {segment[0]} x {segment[1]} pixels; {AGAIN}")
    grid = -(-height // segment[0]), -(-width // segment[1])
    require_size(path, grid[0] * segment[0], grid[1] * segment[1], 4 * max_pixels)
    offsets, counts = (
        (Tag.TILE_OFFSETS, Tag.TILE_BYTE_COUNTS) if tiled else (Tag.STRIP_OFFSETS, Tag.STRIP_BYTE_COUNTS)
    )
    extents = _extents(path, tags.numbers(offsets), tags.numbers(counts), grid[0] * grid[1])
    _require_apart(path, file, page, extents)
    compression, predictor = tags.get(Tag.COMPRESSION, 1), tags.get(Tag.PREDICTOR, 1)
    return Layout(height, width, dtype, segment, grid, tiled, extents, compression, predictor)


_BLACK_IS_ZERO = 1
_COLOURS = {0: "white-is-zero", 2: "RGB", 3: "palette"}
_UNSIGNED, _FLOAT = 1, 3
_FORMATS = {2: "signed integers", 4: "of no kind", 5: "complex integers", 6: "complex floats"}


def _require_grey(path: Path, tags: Tags) -> None:
    samples, colours = tags.get(Tag.SAMPLES_PER_PIXEL, 1), tags[Tag.PHOTOMETRIC]
    if samples != 1 or colours != _BLACK_IS_ZERO:
        found = _COLOURS.get(colours, f"{samples}-sample")
        raise ImageError(
            f"{path}: a {found} image; save each channel as its own greyscale plane whose black is zero"
        )
    if tags.get(Tag.FILL_ORDER, 1) != 1:
        raise ImageError(f"{path}: the bits of its bytes are reversed, which is not read; save it again")


def _dtype(path: Path, tags: Tags) -> np.dtype[Any]:
    kind = tags.get(Tag.SAMPLE_FORMAT, _UNSIGNED)
    if kind not in (_UNSIGNED, _FLOAT):
        found = _FORMATS.get(kind, f"of format {kind}")
        raise ImageError(f"{path}: pixels are {found}; rescale them to unsigned integers of 8 or 16 bits")
    bits = tags.get(Tag.BITS_PER_SAMPLE, 1)
    if bits not in ((16, 32, 64) if kind == _FLOAT else (8, 16)):
        raise ImageError(f"{path}: {bits} bits a pixel; save it with 8 or 16")
    return np.dtype(f"{'f' if kind == _FLOAT else 'u'}{bits // 8}")


def _extents(path: Path, offsets: NDArray[np.int64], counts: NDArray[np.int64], needed: int) -> NDArray[np.int64]:
    if not len(offsets) == len(counts) == needed:
        raise ImageError(
            f"{path}: lists {len(offsets)} strips or tiles and {len(counts)} sizes, and needs {needed}; {AGAIN}"
        )
    absent = (offsets <= 0) | (counts <= 0)
    if absent.any():
        raise ImageError(f"{path}: {int(absent.sum())} of {needed} strips or tiles are absent; {AGAIN}")
    return np.stack([offsets, counts], axis=1)


def _require_apart(
    path: Path, file: tifffile.TiffFile, page: tifffile.TiffPage, extents: NDArray[np.int64]
) -> None:
    """Refuse segments that leave the file, or share bytes with one another or with the page's directory."""
    tiff, size = file.tiff, file.filehandle.size
    values = {(tag.valueoffset, tag.valuebytecount) for tag in page.tags if tag.valuebytecount > tiff.offsetsize}
    header = 0, 8 if tiff.version == _CLASSIC else 16
    directory = page.offset, tiff.tagnosize + len(page.tags) * tiff.tagsize + tiff.offsetsize
    taken = np.vstack([extents, [header, directory, *values]])
    taken = taken[np.argsort(taken[:, 0])]
    stops = taken.sum(axis=1)
    if max(taken.max(), stops.max()) > size:
        raise ImageError(f"{path}: the file is cut after {size} bytes, its pixels reach further; {AGAIN}")
    if (stops[:-1] > taken[1:, 0]).any():
        raise ImageError(f"{path}: its strips or tiles lie one upon the other; {AGAIN}")


_CLASSIC = 42
