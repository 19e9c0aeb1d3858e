"""z-scores of logarithms."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from deepnoise_core.contracts.protocols import Arithmetic
from deepnoise_core.data.statistics import mapped_moments
from deepnoise_plugins.intensity.counted import Counted
from deepnoise_plugins.intensity.portable import Standardization
from deepnoise_plugins.intensity.scaled import Scale
from deepnoise_plugins.intensity.z_score import image_moments


class LogZScore(Counted):
    """z-scores of log(1 + x), which makes gains into shifts and tames the brightest pixels."""

    def values(self, images: Tensor, rows: NDArray[np.int64]) -> Tensor:
        """Logarithms."""
        return super().values(images, rows).log1p_()

    def arithmetic(self) -> Arithmetic:
        """The same with given statistics."""
        return Arithmetic(
            Standardization(log=True),
            {"centre": "mean of log(1 + x)", "spread": "standard deviation (ddof 0) of log(1 + x)"},
        )

    def own(self, images: Tensor, values: Tensor) -> Scale:
        """Mean and standard deviation of each image's logarithms."""
        return image_moments(values)

    def of_counts(self, counts: NDArray[np.int64]) -> Scale:
        """Mean and standard deviation (ddof 0) of the logarithms."""
        return mapped_moments(counts, np.log1p(np.arange(counts.shape[1])))
