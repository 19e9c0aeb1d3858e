"""What is read of all pixels of a screen beforehand: by each process a share, and then known to all."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from deepnoise_core.contracts import Histograms, Measure, Screen, SiteStatistics, Tiles
from deepnoise_core.data.batches import share_of
from deepnoise_core.data.memory import pixels_of
from deepnoise_core.data.statistics import described, site_statistics
from deepnoise_core.data.statistics.histograms import DenseHistograms, SparseHistograms
from deepnoise_core.data.statistics.tiles import TileSums
from deepnoise_core.data.stores import ArrayStore
from deepnoise_core.engine.bad_images import tell_all
from deepnoise_core.engine.processes import array_of_all, process_count, process_rank


def held_in_memory(screen: Screen, on_batch: Callable[[int], None]) -> Screen:
    """The same screen with all its pixels in memory.

    Args:
        screen: the screen, on disk.
        on_batch: called with the number of sites of each finished batch.
    """
    pixels = array_of_all(pixels_of(screen.store, _own_rows(screen), on_batch))
    tell_all(screen.store)
    return replace(screen, store=ArrayStore(pixels))


def measured(screen: Screen, measures: Collection[Measure], on_batch: Callable[[int], None]) -> SiteStatistics:
    """Statistics of every site of a screen; the same integers for any number of processes.

    Args:
        screen: N sites.
        measures: what is needed beside the moments.
        on_batch: called with the number of sites of each finished batch; not where nothing is read.
    """
    known = screen.statistics
    if process_count() == 1 or (known is not None and all(map(known.has, measures))):
        return site_statistics(screen, measures=measures, on_batch=on_batch)
    own = site_statistics(screen, measures=measures, rows=_own_rows(screen), on_batch=on_batch)
    tell_all(screen.store)
    return described(
        screen,
        array_of_all(own.total),
        array_of_all(own.squares),
        histograms=_histograms_of_all(own.histograms),
        tiles=_tiles_of_all(own.tiles),
    )


def _own_rows(screen: Screen) -> NDArray[np.int64]:
    return np.arange(len(screen))[share_of(len(screen), process_rank(), process_count())]


def _histograms_of_all(own: Histograms | None) -> Histograms | None:
    if isinstance(own, DenseHistograms):
        return DenseHistograms(array_of_all(own.counts))
    if not isinstance(own, SparseHistograms):
        return None
    starts = np.cumsum([0, *array_of_all(np.array([len(own.values)]))[:-1]])
    bounds = own.bounds + starts[process_rank()]
    return SparseHistograms(array_of_all(own.values), array_of_all(own.counts), array_of_all(bounds))


def _tiles_of_all(own: Tiles | None) -> Tiles | None:
    if not isinstance(own, TileSums):
        return None
    return TileSums(array_of_all(own.total), array_of_all(own.squares), own.shape)
