"""Random erasing (Zhong et al. 2020, arXiv 1708.04896) of a whole batch."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from deepnoise_core.engine.boxes import Boxes
from deepnoise_plugins.views.options import ViewOptions

_TRIES = 10
ERASING_DRAWS = 1 + 4 * _TRIES


def erase(images: Tensor, options: ViewOptions, draws: NDArray[np.float64]) -> Tensor:
    """Set one box of some images to 0, all channels alike.

    Area and aspect are drawn up to ten times until the box fits; an image for which none fits stays whole.

    Args:
        images: [B, C, H, W].
        options: probability, area and aspect.
        draws: uniform numbers [B, ERASING_DRAWS].
    """
    if not options.erase:
        return images
    return images.masked_fill(_boxes(images.shape[-2:], options, draws).mask(images), 0.0)


def _boxes(size: torch.Size, options: ViewOptions, draws: NDArray[np.float64]) -> Boxes:
    full_height, full_width = size
    area, aspect, down, across = draws[:, 1:].reshape(len(draws), 4, _TRIES).transpose(1, 0, 2)
    low, high = options.erase_area
    pixels = (low + (high - low) * area) * full_height * full_width
    ratio = options.erase_aspect + (1.0 / options.erase_aspect - options.erase_aspect) * aspect
    heights = np.rint(np.sqrt(pixels * ratio)).astype(np.int64)
    widths = np.rint(np.sqrt(pixels / ratio)).astype(np.int64)
    fits = (heights < full_height) & (widths < full_width)
    first = fits.argmax(axis=1)[:, None]
    chosen = (draws[:, 0] < options.erase) & fits.any(axis=1)
    height = np.where(chosen, np.take_along_axis(heights, first, 1)[:, 0], 0)
    width = np.where(chosen, np.take_along_axis(widths, first, 1)[:, 0], 0)
    top = np.take_along_axis(down, first, 1)[:, 0] * (full_height - height + 1)
    left = np.take_along_axis(across, first, 1)[:, 0] * (full_width - width + 1)
    return Boxes(top.astype(np.int64), left.astype(np.int64), height, width)
