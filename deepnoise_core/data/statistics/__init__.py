"""Pixel statistics of sites, measured once, and pooled exactly over any group of them."""

from deepnoise_core.data.statistics.histograms import BINS, DenseHistograms, SparseHistograms
from deepnoise_core.data.statistics.levels import (
    Groups,
    Pools,
    SiteDomains,
    level_groups,
    pools_by_level,
    reference_pools,
    reference_sizes,
)
from deepnoise_core.data.statistics.measuring import Measured, described, measure, site_statistics
from deepnoise_core.data.statistics.moments import Moments, pooled_moments
from deepnoise_core.data.statistics.pooling import intensity_table, pool_histograms, pool_moments
from deepnoise_core.data.statistics.quantiles import mapped_moments, median_and_mad, quantile
from deepnoise_core.data.statistics.tiles import TileSums

__all__ = [
    "BINS",
    "DenseHistograms",
    "Groups",
    "Measured",
    "Moments",
    "Pools",
    "SiteDomains",
    "SparseHistograms",
    "TileSums",
    "described",
    "intensity_table",
    "level_groups",
    "mapped_moments",
    "measure",
    "median_and_mad",
    "pool_histograms",
    "pool_moments",
    "pooled_moments",
    "pools_by_level",
    "quantile",
    "reference_pools",
    "reference_sizes",
    "site_statistics",
]
