"""Flips, turns, shifts, rotations and crops of a whole batch in one resampling."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from deepnoise_core.engine.transfer import sent
from deepnoise_plugins.views.options import ViewOptions

GEOMETRY_DRAWS = 12


def move(images: Tensor, options: ViewOptions, draws: NDArray[np.float64]) -> Tensor:
    """Images [B, C, H, H] moved as a whole, all channels alike; the very images where nothing moves them.

    Args:
        images: normalized, so that 0 is the mean.
        options: probabilities and ranges.
        draws: uniform numbers [B, GEOMETRY_DRAWS].
    """
    if not options.moves:
        return images
    theta = sent(affine_maps(options, draws), images.device, images.dtype)
    grid = F.affine_grid(theta, list(images.shape), align_corners=False)
    return F.grid_sample(
        images, grid, mode=options.interpolation, padding_mode=options.border, align_corners=False
    )


def affine_maps(options: ViewOptions, draws: NDArray[np.float64]) -> NDArray[np.float64]:
    """Maps from output to input coordinates, both in [-1, 1], float64 [B, 2, 3].

    Flips come first, then the turn, then shift, size, aspect and rotation, then the crop.
    """
    maps = _flips_and_turns(draws[:, :2] < options.flip, draws[:, 2] < options.turn)
    moved = draws[:, 3] < options.move
    signed = 2.0 * draws - 1.0
    size = 1.0 + options.scale * signed[:, 4]
    stretch = np.sqrt(1.0 + options.aspect * signed[:, 5])
    zoom = _diagonal(size * stretch, size / stretch, 2.0 * options.shift * signed[:, 6:8])
    zoom = zoom @ _rotations(np.deg2rad(options.rotation) * signed[:, 11])
    maps = np.where(moved[:, None, None], maps @ zoom, maps)
    if options.crop is not None:
        low, high = options.crop
        side = low + (high - low) * draws[:, 8]
        maps = maps @ _diagonal(side, side, (1.0 - side)[:, None] * signed[:, 9:11])
    return maps[:, :2]


def _flips_and_turns(flipped: NDArray[np.bool_], turned: NDArray[np.bool_]) -> NDArray[np.float64]:
    maps = np.zeros((len(turned), 3, 3))
    across, down = np.where(flipped, -1.0, 1.0).T
    maps[:, 0, 0] = np.where(turned, 0.0, across)
    maps[:, 1, 1] = np.where(turned, 0.0, down)
    maps[:, 0, 1] = np.where(turned, across, 0.0)
    maps[:, 1, 0] = np.where(turned, -down, 0.0)
    maps[:, 2, 2] = 1.0
    return maps


def _rotations(angles: NDArray[np.float64]) -> NDArray[np.float64]:
    maps = np.zeros((len(angles), 3, 3))
    maps[:, 0, 0] = maps[:, 1, 1] = np.cos(angles)
    maps[:, 1, 0] = np.sin(angles)
    maps[:, 0, 1] = -maps[:, 1, 0]
    maps[:, 2, 2] = 1.0
    return maps


def _diagonal(
    across: NDArray[np.float64], down: NDArray[np.float64], offset: NDArray[np.float64]
) -> NDArray[np.float64]:
    maps = np.zeros((len(across), 3, 3))
    maps[:, 0, 0], maps[:, 1, 1], maps[:, 2, 2] = across, down, 1.0
    maps[:, :2, 2] = offset
    return maps
