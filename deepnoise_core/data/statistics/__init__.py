"""Pixel statistics of sites, measured once, and pooled exactly over any group of them."""

from deepnoise_core.data.statistics.histograms import BINS, DenseHistograms, SparseHistograms
from deepnoise_core.data.statistics.measuring import Measured, described, measure, site_statistics
from deepnoise_core.data.statistics.moments import Moments, pooled_moments
from deepnoise_core.data.statistics.tiles import TileSums

__all__ = [
    "BINS",
    "DenseHistograms",
    "Measured",
    "Moments",
    "SparseHistograms",
    "TileSums",
    "described",
    "measure",
    "pooled_moments",
    "site_statistics",
]
