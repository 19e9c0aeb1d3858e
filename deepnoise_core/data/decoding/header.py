"""What an image file says about its pixels, before any of them is decoded."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from deepnoise_core.contracts.errors import ImageError

MAX_PIXELS = 4096 * 4096
"""Largest declared size that is decoded without being asked for, in pixels (16 MP)."""


@dataclass(frozen=True)
class ImageHeader:
    """What a greyscale image file says about its pixels.

    Attributes:
        height: rows, in pixels.
        width: columns, in pixels.
        dtype: `uint8` or `uint16`.
    """

    height: int
    width: int
    dtype: np.dtype[Any]

    def __str__(self) -> str:
        return f"{self.height} x {self.width} {self.dtype}"


def require_size(path: Path, height: int, width: int, max_pixels: int) -> None:
    """Refuse a declared size of no pixel, or of more than `max_pixels`.

    Raises:
        ImageError: names the file and the size.
    """
    if not 0 < height * width <= max_pixels:
        raise ImageError(
            f"{path}: its header says {height} x {width} pixels, and at most {max_pixels} are read; "
            "cut the image into sites, or copy it again if it is damaged"
        )
