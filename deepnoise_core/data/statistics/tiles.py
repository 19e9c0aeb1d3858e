"""Sums over a grid of tiles laid on every site: enough to see, and to undo, uneven illumination."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

GRID = 8
"""Tiles along each side of a site. Vignetting is smooth: a grid this coarse holds it."""


class TileSums:
    """Sums of the intensities and of their squares in each tile.

    Args:
        total: uint64 [N, C, G, G]; a memory map will do.
        squares: uint64 [N, C, G, G].
        shape: height and width of a site, in pixels.
    """

    def __init__(self, total: NDArray[np.uint64], squares: NDArray[np.uint64], shape: tuple[int, int]) -> None:
        self.total, self.squares, self.shape = total, squares, shape

    @property
    def pixels(self) -> NDArray[np.int64]:
        """Pixels of each tile, int64 [G, G]."""
        return np.outer(*(np.diff(tile_edges(side)) for side in self.shape))

    def __len__(self) -> int:
        return len(self.total)

    def pooled(self, rows: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Mean over these rows of each tile's intensity and squared intensity, float64 [C, G, G] each."""
        pixels = len(rows) * self.pixels
        return exact_sum(self.total[rows]) / pixels, exact_sum(self.squares[rows]) / pixels

    def take(self, rows: NDArray[np.int64]) -> TileSums:
        """The tiles of these rows alone, in this order."""
        return TileSums(self.total[rows], self.squares[rows], self.shape)


def tile_edges(side: int) -> NDArray[np.int64]:
    """First pixel of each tile along a side, and the end of the last, int64 [G + 1].

    Tiles differ by at most one pixel; a side shorter than the grid has empty tiles.
    """
    return np.arange(GRID + 1) * side // GRID


def tile_sums(site: NDArray[np.unsignedinteger]) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Sums of intensities and squared intensities in each tile of a site [C, H, W], uint64 [C, G, G] each."""
    height, width = site.shape[1:]
    down, across = _membership(height), _membership(width)
    # Column sums of squared bytes stay below 2**24, where float32 is still exact and twice as fast.
    exact = np.float32 if site.dtype == np.uint8 and -(-height // GRID) <= 258 else np.float64
    pixels: NDArray[np.floating[Any]] = site.astype(exact)
    strips = np.matmul(down.astype(exact), pixels).astype(np.float64)
    strips_of_squares = np.matmul(down.astype(exact), pixels * pixels).astype(np.float64)
    return (strips @ across.T).astype(np.uint64), (strips_of_squares @ across.T).astype(np.uint64)


def exact_sum(values: NDArray[np.uint64]) -> NDArray[np.float64]:
    """Sum over the first axis, exact before its one rounding to float64, whatever the order."""
    high = (values >> np.uint64(32)).sum(axis=0, dtype=np.uint64).astype(object)
    low = (values & np.uint64(0xFFFFFFFF)).sum(axis=0, dtype=np.uint64).astype(object)
    total: NDArray[np.float64] = (high * 2**32 + low).astype(np.float64)
    return total


@cache
def _membership(side: int) -> NDArray[np.float64]:
    """Which tile each pixel of a side belongs to, as 0 and 1, [G, side]."""
    edges, pixel = tile_edges(side), np.arange(side)
    return ((edges[:-1, None] <= pixel) & (pixel < edges[1:, None])).astype(np.float64)
