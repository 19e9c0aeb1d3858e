"""Flips, turns, shifts and crops of a whole batch in one resampling."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from deepnoise_plugins.deepnoise_views.options import ViewsOptions

GEOMETRY_DRAWS = 12


def affine_maps(options: ViewsOptions, draws: NDArray[np.float64], *, crop: bool) -> NDArray[np.float64]:
    """Maps from output to input coordinates, both in [-1, 1], float64 [B, 2, 3].

    Args:
        options: probabilities and ranges.
        draws: uniform numbers [B, GEOMETRY_DRAWS].
        crop: whether a random square crop comes last (the view `hard`).
    """
    maps = _flips_and_turns(draws[:, :3] < options.flip)
    moved = draws[:, 3] < options.shift_scale
    signed = 2.0 * draws - 1.0
    size = 1.0 + options.scale * signed[:, 4]
    stretch = np.sqrt(1.0 + options.aspect * signed[:, 5])
    zoom = _diagonal(size * stretch, size / stretch, 2.0 * options.shift * signed[:, 6:8])
    maps = np.where(moved[:, None, None], maps @ zoom, maps)
    if crop:
        low, high = options.crop
        side = low + (high - low) * draws[:, 8]
        maps = maps @ _diagonal(side, side, (1.0 - side)[:, None] * signed[:, 9:11])
    return maps[:, :2]


def resample(images: Tensor, maps: NDArray[np.float64]) -> Tensor:
    """Images [B, C, H, W] under the maps, bilinear; what comes from outside is 0, the normalized mean."""
    theta = torch.from_numpy(maps).to(images)
    grid = F.affine_grid(theta, list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, mode="bilinear", padding_mode="zeros", align_corners=False)


def _flips_and_turns(chosen: NDArray[np.bool_]) -> NDArray[np.float64]:
    maps = np.zeros((len(chosen), 3, 3))
    across = np.where(chosen[:, 0], -1.0, 1.0)
    down = np.where(chosen[:, 1], -1.0, 1.0)
    turned = chosen[:, 2]
    maps[:, 0, 0] = np.where(turned, 0.0, across)
    maps[:, 1, 1] = np.where(turned, 0.0, down)
    maps[:, 0, 1] = np.where(turned, across, 0.0)
    maps[:, 1, 0] = np.where(turned, -down, 0.0)
    maps[:, 2, 2] = 1.0
    return maps


def _diagonal(
    across: NDArray[np.float64], down: NDArray[np.float64], offset: NDArray[np.float64]
) -> NDArray[np.float64]:
    maps = np.zeros((len(across), 3, 3))
    maps[:, 0, 0], maps[:, 1, 1], maps[:, 2, 2] = across, down, 1.0
    maps[:, :2, 2] = offset
    return maps
