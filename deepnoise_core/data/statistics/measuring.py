"""Measuring the pixels of sites, each read once."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepnoise_core.contracts import Histograms, Measure, Screen, SiteStatistics, Tiles
from deepnoise_core.data.batches import read_ahead
from deepnoise_core.data.statistics.histograms import BINS, DenseHistograms, SparseHistograms
from deepnoise_core.data.statistics.levels import SiteDomains
from deepnoise_core.data.statistics.tiles import TileSums, tile_sums


@dataclass(frozen=True)
class Measured:
    """All that is measured of one site.

    Attributes:
        histogram: pixels of each intensity, int64 [C, bins].
        tiles: sums of intensities and of squared intensities in each tile, uint64 [C, G, G] each; or None.
    """

    histogram: NDArray[np.int64]
    tiles: tuple[NDArray[np.uint64], NDArray[np.uint64]] | None = None

    @property
    def total(self) -> NDArray[np.int64]:
        """Sum of the intensities, int64 [C]."""
        return self.histogram @ np.arange(self.histogram.shape[1])

    @property
    def squares(self) -> NDArray[np.uint64]:
        """Sum of the squared intensities, uint64 [C]."""
        return self.histogram.astype(np.uint64) @ np.square(np.arange(self.histogram.shape[1], dtype=np.uint64))


def measure(site: NDArray[Any], measures: Collection[Measure] = tuple(Measure)) -> Measured:
    """Histogram, and tiles where asked for, of one site [C, H, W] of `uint8` or `uint16`."""
    bins = BINS[site.dtype]
    histogram = np.stack([np.bincount(plane.ravel(), minlength=bins) for plane in site])
    return Measured(histogram, tile_sums(site) if Measure.TILES in measures else None)


def site_statistics(
    screen: Screen,
    *,
    measures: Collection[Measure] = (Measure.MOMENTS,),
    rows: NDArray[np.int64] | None = None,
    batch_size: int = 64,
    on_batch: Callable[[int], None] | None = None,
) -> SiteStatistics:
    """Statistics of the sites of a screen: what it brings along, or measured by reading every pixel once.

    Args:
        screen: N sites.
        measures: what is needed beside the moments, which are always there.
        rows: of which sites, int64 [n]; of all where None.
        batch_size: sites read at a time; changes no number.
        on_batch: called with the number of sites of each finished batch; not where nothing is read.
    """
    known = screen.statistics
    if known is not None and all(map(known.has, measures)):
        return known if rows is None else known.take(rows)
    rows = np.arange(len(screen)) if rows is None else rows
    channels, height, width = screen.store.shape
    total = np.empty((len(rows), channels), dtype=np.int64)
    squares = np.empty((len(rows), channels), dtype=np.uint64)
    kept = _Kept(measures)
    starts = range(0, len(rows), batch_size)
    chunks = [rows[start : start + batch_size] for start in starts]
    for start, (chunk, pixels) in zip(starts, read_ahead(screen.store, chunks), strict=True):
        for place, site in enumerate(pixels, start=start):
            measured = measure(site, measures)
            total[place], squares[place] = measured.total, measured.squares
            kept.add(measured)
        if on_batch:
            on_batch(len(chunk))
    seen = screen if len(rows) == len(screen) else screen.take(rows)
    return described(seen, total, squares, histograms=kept.histograms(), tiles=kept.tile_sums((height, width)))


def described(
    screen: Screen,
    total: NDArray[np.int64],
    squares: NDArray[np.uint64],
    *,
    histograms: Histograms | None = None,
    tiles: Tiles | None = None,
) -> SiteStatistics:
    """Statistics of a screen's sites with the domains that its table tells."""
    _, height, width = screen.store.shape
    domains = SiteDomains.of(screen)
    return SiteStatistics(
        count=np.full(len(screen), height * width, dtype=np.int64),
        total=total,
        squares=squares,
        experiment=domains.experiment,
        plate=domains.plate,
        cell_type=domains.cell_type,
        role=domains.role,
        histograms=histograms,
        tiles=tiles,
    )


class _Kept:
    """The measures of all sites so far, as small as their type allows."""

    def __init__(self, measures: Collection[Measure]) -> None:
        self.measures = measures
        self.dense: list[NDArray[np.uint32]] = []
        self.sparse: list[SparseHistograms] = []
        self.tiles: list[tuple[NDArray[np.uint64], NDArray[np.uint64]]] = []

    def add(self, measured: Measured) -> None:
        if Measure.HISTOGRAMS in self.measures:
            if measured.histogram.shape[1] == SparseHistograms.bins:
                self.sparse.append(SparseHistograms.of([measured.histogram]))
            else:
                self.dense.append(measured.histogram.astype(np.uint32))
        if measured.tiles is not None:
            self.tiles.append(measured.tiles)

    def histograms(self) -> Histograms | None:
        if self.dense:
            return DenseHistograms(np.stack(self.dense))
        return SparseHistograms.joined(self.sparse) if self.sparse else None

    def tile_sums(self, shape: tuple[int, int]) -> TileSums | None:
        if not self.tiles:
            return None
        total, squares = zip(*self.tiles, strict=True)
        return TileSums(np.stack(total), np.stack(squares), shape)
