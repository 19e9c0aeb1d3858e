"""TIFF files to arrays: tifffile reads their directories, `segments` their pixels."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from deepnoise_core.contracts.errors import ImageError
from deepnoise_core.data.decoding.content import AGAIN, open_file, unreadable
from deepnoise_core.data.decoding.header import MAX_PIXELS, ImageHeader
from deepnoise_core.data.decoding.layout import Layout, read_layout
from deepnoise_core.data.decoding.segments import decode
from deepnoise_core.data.decoding.tags import read_directory

if TYPE_CHECKING:
    import tifffile


def read_tiff_header(path: Path, page: int | None = None, max_pixels: int = MAX_PIXELS) -> ImageHeader:
    """Size and dtype of one page of a TIFF; decodes nothing.

    Raises:
        ImageError: as `read_tiff`, for all that the page's directory can tell.
    """
    with open_tiff(path) as file:
        layout = _integer_layout(path, file, page, max_pixels)
        return ImageHeader(layout.height, layout.width, layout.dtype.newbyteorder("="))


def read_tiff(path: Path, pages: Sequence[int | None], max_pixels: int = MAX_PIXELS) -> Iterator[NDArray[Any]]:
    """Pixels of these pages of a TIFF, each `uint8` or `uint16` [H, W], in this order.

    Read are 8- and 16-bit unsigned greyscale pages in strips or tiles, plain or compressed without loss (LZW,
    deflate, PackBits, Zstandard), of any byte order, of BigTIFF and OME-TIFF too. TIFF holds no checksums:
    a changed pixel of a plain or LZW file cannot be told from another image.

    Args:
        path: a TIFF file.
        pages: which pages, from 0; None is the only one of a file that must have one alone.
        max_pixels: largest declared size that is decoded, in pixels.

    Raises:
        ImageError: the file is missing, empty, no TIFF, cut or damaged; has no such page, or several where one
            is meant; or the page is coloured, of floats, of another depth, larger than `max_pixels`, compressed
            with loss, or holds fewer or more pixels than its directory says. Also where tifffile is absent.
    """
    with open_tiff(path) as file:
        for page in pages:
            yield decode(path, file, _integer_layout(path, file, page, max_pixels))


@contextmanager
def open_tiff(path: Path) -> Iterator[tifffile.TiffFile]:
    """The directories of a TIFF; whatever goes wrong in the block is an `ImageError`."""
    try:
        import tifffile
    except ImportError:
        raise ImageError(
            f'{path}: TIFF files are read with tifffile, which is not installed; pip install "deepnoise[tiff]"'
        ) from None
    # What tifffile logs of a damaged file would reach the terminal; it is refused here where it matters.
    logging.getLogger("tifffile").addHandler(_SILENCE)
    try:
        with _Bounded(open_file(path).detach()) as bounded, tifffile.TiffFile(bounded, _multifile=False) as file:
            yield file
    except ImageError:
        raise
    except OSError as error:
        raise unreadable(path, error) from None
    except Exception as error:  # noqa: BLE001 - on a hostile file tifffile raises whatever its parser meets
        raise ImageError(f"{path}: not a readable TIFF ({error}); {AGAIN}") from None


_SILENCE = logging.NullHandler()
_LARGEST_READ = 8 * 1024 * 1024  # bytes; a directory entry that claims more is damaged or hostile


class _Bounded(BufferedReader):
    """A file of which no entry of a directory can claim much memory."""

    def read(self, size: int | None = -1) -> bytes:
        if size is None or not 0 <= size <= _LARGEST_READ:
            raise ValueError(f"an entry of {size} bytes, and at most {_LARGEST_READ} are read")
        return super().read(size)


def _integer_layout(path: Path, file: tifffile.TiffFile, page: int | None, max_pixels: int) -> Layout:
    found = _page(path, file, page or 0)
    layout = read_layout(path, file, found, max_pixels)
    if page is None and _has_more(file, found):
        raise ImageError(
            f"{path}: holds several pages; say which page each channel is, or save each as its own file"
        )
    if layout.dtype.kind == "f":
        try:
            unusable = int((~np.isfinite(decode(path, file, layout))).sum())
        except ImageError:
            unusable = 0
        words = f"{layout.dtype.name}, {unusable} of them NaN or infinite" if unusable else layout.dtype.name
        raise ImageError(
            f"{path}: pixels are {words}; give every pixel a finite value, and rescale all images of the screen "
            "alike to 16-bit unsigned integers"
        )
    return layout


def _page(path: Path, file: tifffile.TiffFile, number: int) -> tifffile.TiffPage:
    # tifffile would follow a circle of pages round and round.
    offset, passed = file.pages.first.offset, set[int]()
    for before in range(number):
        passed.add(offset)
        _, offset = read_directory(file, offset)
        if offset == 0:
            raise ImageError(
                f"{path}: page {number} is asked for, and the file has {before + 1}; mend the metadata"
            )
        if offset in passed:
            raise ImageError(f"{path}: its pages form a circle; {AGAIN}")
    return file.pages[number]


def _has_more(file: tifffile.TiffFile, first: tifffile.TiffPage) -> bool:
    _, following = read_directory(file, first.offset)
    # Stacks of ImageJ and MetaMorph may say in metadata alone what follows their only page.
    return following != 0 or (not file.is_ome and file.series[0].size > first.size)
