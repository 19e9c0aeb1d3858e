"""Uneven illumination as a smooth surface, fitted to the mean intensities of tiles.

The surface is a polynomial in Legendre's basis. A tile or pixel is where its mean lies, not its middle: the basis
is averaged over each, so no size of tile biases the fit.
"""

from __future__ import annotations

from functools import cache
from typing import TypeVar

import numpy as np
import torch
from numpy.polynomial import legendre
from numpy.typing import NDArray
from torch import Tensor

Number = TypeVar("Number", np.int64, np.float64)

LEAST = 0.1
"""Share of its mean that an illumination must reach everywhere; the camera sees too little elsewhere."""

_PARTS = 8
"""Parts of a tile's side by which the square of a surface is averaged."""


class Grid:
    """Where the tiles of a site lie, and the surfaces that can be fitted to their means.

    Args:
        pixels: pixels of each tile, int64 [G, G]; tiles may be empty.
        degree: of the surfaces, in both coordinates together.
    """

    def __init__(self, pixels: NDArray[np.int64], degree: int) -> None:
        self._filled = [np.flatnonzero(pixels.any(axis=axis)) for axis in (1, 0)]
        self.pixels = self.filled(pixels)
        edges = [_edges(self.pixels.sum(axis=axis)) for axis in (1, 0)]
        self._tiles = [_averages(edge, degree) for edge in edges]
        self._parts = [_averages(_divided(edge), degree) for edge in edges]
        order = np.arange(degree + 1)
        self._terms = np.argwhere(np.add.outer(order, order) <= degree)

    def filled(self, tiles: NDArray[Number]) -> NDArray[Number]:
        """Tiles [..., G, G] without the rows and columns that are empty, [..., g, g]."""
        rows, columns = self._filled
        return tiles[..., rows, :][..., columns]

    def fitted(self, means: NDArray[np.float64]) -> NDArray[np.float64]:
        """Surfaces of mean 1 that follow the means of tiles [C, G, G] by least squares.

        Returns:
            Their coefficients [C, D, D]; NaN where one falls below `LEAST`, and so is no illumination.
        """
        down, across = self._tiles
        rows, columns = self._terms.T
        weights = np.sqrt(self.pixels)[:, :, None]
        design = weights * down[:, None, rows] * across[None, :, columns]
        wanted = weights * self.filled(means).transpose(1, 2, 0)
        found, *_ = np.linalg.lstsq(design.reshape(-1, len(rows)), wanted.reshape(-1, len(means)))
        surfaces = np.zeros((len(means), down.shape[1], across.shape[1]))
        surfaces[:, rows, columns] = found.T
        # All but the constant term average to nothing, so that term is the mean.
        mean = surfaces[:, :1, :1]
        surfaces = np.divide(surfaces, mean, out=np.zeros_like(surfaces), where=mean > 0)
        surfaces[self._at_parts(surfaces).min(axis=(1, 2)) < LEAST] = np.nan
        return surfaces

    def means(self, surfaces: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Mean of each surface and of its square over each tile that is not empty, [C, g, g] each."""
        at_parts = self._at_parts(surfaces)
        shape = (len(surfaces), self.pixels.shape[0], _PARTS, self.pixels.shape[1], _PARTS)
        mean, square = (values.reshape(shape).mean(axis=(2, 4)) for values in (at_parts, at_parts**2))
        return mean, square

    def _at_parts(self, surfaces: NDArray[np.float64]) -> NDArray[np.float64]:
        down, across = self._parts
        values: NDArray[np.float64] = down @ surfaces @ across.T
        return values


def even(degree: int) -> NDArray[np.float64]:
    """The surface that is 1 everywhere, as coefficients [D, D]."""
    surface = np.zeros((degree + 1, degree + 1))
    surface[0, 0] = 1.0
    return surface


def at_pixels(surfaces: NDArray[np.float64], images: Tensor) -> Tensor:
    """Surfaces [B, C, D, D] at each pixel of images [B, C, H, W]: float32 [B, C, H, W]."""
    down, across = (
        torch.from_numpy(_pixel_averages(side, surfaces.shape[-1] - 1)).to(images.device)
        for side in images.shape[-2:]
    )
    coefficients = torch.from_numpy(surfaces.astype(np.float32)).to(images.device)
    return down @ coefficients @ across.T


@cache
def _pixel_averages(side: int, degree: int) -> NDArray[np.float32]:
    return _averages(_edges(np.ones(side)), degree).astype(np.float32)


def _edges(lengths: NDArray[np.number]) -> NDArray[np.float64]:
    """Where pieces of these lengths begin and end, side by side from −1 to 1, [n + 1]."""
    ends = np.cumsum(lengths)
    return np.concatenate([[-1.0], 2.0 * ends / ends[-1] - 1.0])


def _divided(edges: NDArray[np.float64]) -> NDArray[np.float64]:
    """The same, each piece in equal parts."""
    place = np.arange(_PARTS * (len(edges) - 1) + 1) / _PARTS
    return np.interp(place, np.arange(len(edges)), edges)


def _averages(edges: NDArray[np.float64], degree: int) -> NDArray[np.float64]:
    """Mean of each Legendre polynomial between neighbouring edges, [n, D]."""
    integrals = legendre.legval(edges, legendre.legint(np.eye(degree + 1)))
    averages: NDArray[np.float64] = (np.diff(integrals) / np.diff(edges)).T
    return averages
