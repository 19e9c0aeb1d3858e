"""Intensities between two percentiles, as 0 to 1."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from deepnoise_core.contracts.protocols import Arithmetic
from deepnoise_core.data.statistics import quantile
from deepnoise_plugins.intensity.counted import Counted
from deepnoise_plugins.intensity.options import PercentileOptions
from deepnoise_plugins.intensity.portable import Standardization
from deepnoise_plugins.intensity.scaled import Scale


class MinMax(Counted):
    """clip((x − low) / (high − low), 0, 1), where low and high are the least and the largest intensity.

    Where they are equal, everything up to them is 0 and everything above is 1.
    """

    shares = (0.0, 1.0)

    def of_counts(self, counts: NDArray[np.int64]) -> Scale:
        """The lower end, and the way to the upper one."""
        low, high = (quantile(counts, share) for share in self.shares)
        return low.astype(np.float64), (high - low).astype(np.float64)

    def arithmetic(self) -> Arithmetic:
        """The same with given statistics."""
        low, high = (f"percentile {100 * share:g}, an intensity that occurs" for share in self.shares)
        return Arithmetic(Standardization(clip=True), {"centre": low, "spread": f"{high}, minus centre"})

    def __call__(self, images: Tensor, rows: Tensor, keys: NDArray[np.uint64] | None = None) -> Tensor:
        """Images in [0, 1], float32 [B, C, H, W]; raises as `Scaled` does."""
        return super().__call__(images, rows, keys).clamp_(0, 1)


class Percentile(MinMax):
    """From one percentile to another; each is an intensity that occurs (the inverted distribution function)."""

    def __init__(self, options: PercentileOptions) -> None:
        super().__init__(options)
        self.shares = (options.low / 100, options.high / 100)
