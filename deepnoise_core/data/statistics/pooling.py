"""Statistics of the intensities of each pool of sites, one pool in memory at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from deepnoise_core.contracts import Histograms, Level, ReferenceWells, SiteStatistics
from deepnoise_core.data.statistics.levels import Pools, reference_pools
from deepnoise_core.data.statistics.moments import Moments, pooled_moments
from deepnoise_core.data.statistics.quantiles import median_and_mad, quantile


def pool_moments(statistics: SiteStatistics, pools: Pools) -> Moments:
    """Mean and variance of each of P pools, a channel, float64 [P, C] each."""
    rows = np.concatenate([np.arange(0), *pools.sites])
    pool = np.repeat(np.arange(len(pools.sites)), [len(sites) for sites in pools.sites])
    sums = replace(statistics, histograms=None, tiles=None).take(rows)
    return pooled_moments(sums, pool, len(pools.sites))


def pool_histograms(
    statistics: SiteStatistics, pools: Pools, of_counts: Callable[[NDArray[np.int64]], tuple[NDArray[Any], ...]]
) -> tuple[NDArray[Any], ...]:
    """What a function makes of the histogram of each of P pools.

    Args:
        statistics: with histograms.
        pools: P of them.
        of_counts: from pixels of each value, int64 [C, bins], to arrays [C].

    Returns:
        Each of its arrays for all pools, [P, C].
    """
    histograms = measured_histograms(statistics)
    made = [of_counts(histograms.pooled(sites)) for sites in pools.sites]
    return tuple(np.stack(column) for column in zip(*made, strict=True))


def intensity_table(
    statistics: SiteStatistics,
    channels: Sequence[str],
    level: Level = "plate",
    reference: ReferenceWells = "all",
    *,
    percentiles: Sequence[float] = (0.1, 99.9),
) -> pl.DataFrame:
    """Intensities by group and channel, as a table to look at or to keep.

    Args:
        statistics: N sites, with histograms.
        channels: names of the C channels.
        level: what a group is.
        reference: the sites of it that count.
        percentiles: which, in [0, 100]; each is a value that occurs.

    Returns:
        A row for each group and channel: `group`, `channel`, `sites`, `mean`, `std` (ddof 0), `median`, `mad`
        (not scaled), and `p` with each percentile.

    Raises:
        StatisticsError: a group has none of the reference sites.
    """
    pools = reference_pools(statistics, level, reference)
    moments = pool_moments(statistics, pools)
    median, mad, *quantiles = pool_histograms(
        statistics,
        pools,
        lambda counts: (*median_and_mad(counts), *(quantile(counts, each / 100) for each in percentiles)),
    )
    columns = {"mean": moments.mean, "std": moments.std, "median": median, "mad": mad}
    columns |= {f"p{each:g}": found for each, found in zip(percentiles, quantiles, strict=True)}
    return pl.DataFrame(
        {
            "group": np.repeat(pools.names, len(channels)),
            "channel": list(channels) * len(pools.names),
            "sites": np.repeat([len(sites) for sites in pools.sites], len(channels)),
            **{name: values.ravel() for name, values in columns.items()},
        }
    )


def measured_histograms(statistics: SiteStatistics) -> Histograms:
    """The histograms, which must have been measured."""
    if statistics.histograms is None:
        raise ValueError("these statistics have no histograms: ask for Measure.HISTOGRAMS")
    return statistics.histograms
