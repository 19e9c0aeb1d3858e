"""Channels of a screen by name, in the order in which they are wanted."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepnoise_core.contracts import ImageStore, Screen, SiteStatistics
from deepnoise_core.contracts.statistics import Histograms, Tiles


def in_channel_order(screen: Screen, channels: tuple[str, ...]) -> Screen:
    """The screen with its channels in this order; no pixel is read, and what is measured is kept.

    Args:
        screen: has exactly these channels, in any order.
        channels: names of the C channels.
    """
    if channels == screen.channels:
        return screen
    order = np.array([screen.channels.index(name) for name in channels])
    measured = screen.statistics
    return replace(
        screen,
        channels=channels,
        store=_Store(screen.store, order),
        statistics=None if measured is None else _reordered(measured, order),
    )


@dataclass(frozen=True)
class _Store:
    """A store with its channels in another order."""

    store: ImageStore
    order: NDArray[np.int64]

    @property
    def shape(self) -> tuple[int, int, int]:
        return self.store.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.store.dtype

    def __len__(self) -> int:
        return len(self.store)

    def read(self, rows: NDArray[np.int64]) -> NDArray[Any]:
        return np.ascontiguousarray(self.store.read(rows)[:, self.order])

    def take(self, rows: NDArray[np.int64]) -> _Store:
        return _Store(self.store.take(rows), self.order)


@dataclass(frozen=True)
class _Histograms:
    """Histograms with their channels in another order."""

    histograms: Histograms
    order: NDArray[np.int64]

    @property
    def bins(self) -> int:
        return self.histograms.bins

    def __len__(self) -> int:
        return len(self.histograms)

    def pooled(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        return self.histograms.pooled(rows)[self.order]

    def take(self, rows: NDArray[np.int64]) -> _Histograms:
        return _Histograms(self.histograms.take(rows), self.order)


@dataclass(frozen=True)
class _Tiles:
    """Tiles with their channels in another order."""

    tiles: Tiles
    order: NDArray[np.int64]

    @property
    def pixels(self) -> NDArray[np.int64]:
        return self.tiles.pixels

    def __len__(self) -> int:
        return len(self.tiles)

    def pooled(self, rows: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        mean, squares = self.tiles.pooled(rows)
        return mean[self.order], squares[self.order]

    def take(self, rows: NDArray[np.int64]) -> _Tiles:
        return _Tiles(self.tiles.take(rows), self.order)


def _reordered(measured: SiteStatistics, order: NDArray[np.int64]) -> SiteStatistics:
    histograms, tiles = measured.histograms, measured.tiles
    return replace(
        measured,
        total=measured.total[:, order],
        squares=measured.squares[:, order],
        histograms=None if histograms is None else _Histograms(histograms, order),
        tiles=None if tiles is None else _Tiles(tiles, order),
    )
