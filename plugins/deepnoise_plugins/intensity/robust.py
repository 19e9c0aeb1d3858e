"""Robust z-scores."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from deepnoise_core.contracts.protocols import Arithmetic
from deepnoise_core.data.statistics import median_and_mad
from deepnoise_plugins.intensity.counted import Counted
from deepnoise_plugins.intensity.portable import Standardization
from deepnoise_plugins.intensity.scaled import Scale

_OF_NORMAL = 1 / NormalDist().inv_cdf(0.75)
"""Standard deviation of normal values over the median of their distances from the median: 1.4826."""


class Robust(Counted):
    """Each channel minus the median, over 1.4826 times the median distance from it.

    Bright debris moves neither. Where more than half of all pixels are equal, there is no spread.
    """

    def arithmetic(self) -> Arithmetic:
        """The same with given statistics."""
        return Arithmetic(
            Standardization(), {"centre": "median", "spread": "1.4826 times the median distance from the median"}
        )

    def of_counts(self, counts: NDArray[np.int64]) -> Scale:
        """Median and scaled median distance."""
        median, mad = median_and_mad(counts)
        return median.astype(np.float64), _OF_NORMAL * mad.astype(np.float64)
