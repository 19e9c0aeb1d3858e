"""Pixel statistics of sites, measured once, and pooled exactly over any group of them."""

from deepnoise_core.data.statistics.histograms import DenseHistograms, SparseHistograms
from deepnoise_core.data.statistics.measuring import Measured, measure, site_statistics
from deepnoise_core.data.statistics.moments import Moments, pooled_moments
from deepnoise_core.data.statistics.tiles import TileSums

__all__ = [
    "DenseHistograms",
    "Measured",
    "Moments",
    "SparseHistograms",
    "TileSums",
    "measure",
    "pooled_moments",
    "site_statistics",
]
