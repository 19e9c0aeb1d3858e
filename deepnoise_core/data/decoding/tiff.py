"""TIFF files to arrays."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from deepnoise_core.contracts.errors import ImageError
from deepnoise_core.data.decoding.header import MAX_PIXELS, ImageHeader


def read_tiff_header(path: Path, page: int | None = None, max_pixels: int = MAX_PIXELS) -> ImageHeader:
    """Size and dtype of one page of a TIFF."""
    pixels = next(read_tiff(path, (page,), max_pixels))
    return ImageHeader(pixels.shape[0], pixels.shape[1], pixels.dtype)


def read_tiff(path: Path, pages: Sequence[int | None], max_pixels: int = MAX_PIXELS) -> Iterator[NDArray[Any]]:
    """Pixels of these pages of a TIFF."""
    import tifffile

    try:
        with tifffile.TiffFile(path) as file:
            for page in pages:
                yield file.pages[page or 0].asarray()
    except (OSError, ValueError) as error:
        raise ImageError(f"{path}: {error}") from None
