"""Boxes of pixels, one an image."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from deepnoise_core.engine.transfer import sent


@dataclass(frozen=True)
class Boxes:
    """B boxes that lie within their images; an empty one where nothing is chosen.

    Attributes:
        top: first row, int64 [B].
        left: first column, int64 [B].
        height: rows, int64 [B].
        width: columns, int64 [B].
    """

    top: NDArray[np.int64]
    left: NDArray[np.int64]
    height: NDArray[np.int64]
    width: NDArray[np.int64]

    def mask(self, images: Tensor) -> Tensor:
        """Whether a pixel of images [B, C, H, W] is in the box of its image, bool [B, 1, H, W]."""
        rows = _within(self.top, self.height, images.shape[-2], images.device)
        columns = _within(self.left, self.width, images.shape[-1], images.device)
        return rows[:, None, :, None] & columns[:, None, None, :]


def _within(first: NDArray[np.int64], length: NDArray[np.int64], size: int, device: torch.device) -> Tensor:
    places = np.arange(size)
    inside = (places >= first[:, None]) & (places < (first + length)[:, None])
    return sent(inside, device)
