"""Resizing whole sites once, as training would each time."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def resized(pixels: NDArray[Any], side: int) -> NDArray[Any]:
    """Pixels [n, C, H, W] as [n, C, side, side] of the same dtype: bilinear, antialiased, rounded to even."""
    import torch  # seconds to import, and packs without resizing need none of it

    floats = torch.from_numpy(pixels.astype(np.float32))
    sized = torch.nn.functional.interpolate(floats, size=(side, side), mode="bilinear", antialias=True)
    top = float(np.iinfo(pixels.dtype).max)
    rounded: NDArray[Any] = sized.round().clamp(0, top).numpy().astype(pixels.dtype)
    return rounded
