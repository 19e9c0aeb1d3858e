"""Pixel statistics of sites, measured once, and pooled exactly over any group of them."""

from deepnoise_core.data.statistics.histograms import BINS, DenseHistograms, SparseHistograms
from deepnoise_core.data.statistics.levels import Groups, Pools, level_groups, reference_pools
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
    "quantile",
    "reference_pools",
    "site_statistics",
]
