"""Planes of image files; the suffix of a file's name says how it is read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from deepnoise_core.contracts.errors import ImageError
from deepnoise_core.data.decoding.header import MAX_PIXELS, ImageHeader
from deepnoise_core.data.decoding.png import read_png_header, read_png_pages

SUFFIXES = (".png", ".tif", ".tiff")
"""Endings of the file names that are read, in lower case; `.ome.tif` is one of them."""


def read_header(path: Path, page: int | None = None, max_pixels: int = MAX_PIXELS) -> ImageHeader:
    """Size and dtype of one page, without decoding it.

    Raises:
        ImageError: as `read_planes`, for all that the header can tell.
    """
    if _is_png(path):
        return read_png_header(path, page, max_pixels)
    from deepnoise_core.data.decoding.tiff import read_tiff_header

    return read_tiff_header(path, page, max_pixels)


def read_plane(path: Path, page: int | None = None, max_pixels: int = MAX_PIXELS) -> NDArray[Any]:
    """Pixels of one page, `uint8` or `uint16` [H, W].

    Raises:
        ImageError: as `read_planes`.
    """
    return next(read_planes(path, (page,), max_pixels))


def read_planes(path: Path, pages: Sequence[int | None], max_pixels: int = MAX_PIXELS) -> Iterator[NDArray[Any]]:
    """Pixels of these pages of one file, each `uint8` or `uint16` [H, W]; the file is opened once.

    Args:
        path: a PNG or TIFF file, told apart by its suffix.
        pages: which pages, from 0; None is the only page of a file that must have one alone. Those of an RGB
            PNG are its colours.
        max_pixels: largest declared size that is decoded.

    Raises:
        ImageError: the suffix is of another format; there is no such page; or as `read_png_pages` and
            `read_tiff`.
    """
    if _is_png(path):
        yield from read_png_pages(path, pages, max_pixels)
        return
    from deepnoise_core.data.decoding.tiff import read_tiff

    yield from read_tiff(path, pages, max_pixels)


def _is_png(path: Path) -> bool:
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise ImageError(f"{path}: an image file ends in {', '.join(SUFFIXES)}; convert it, or name it so")
    return suffix == ".png"
