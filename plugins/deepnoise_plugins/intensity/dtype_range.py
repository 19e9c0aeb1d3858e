"""No normalization beyond the range of the stored type."""

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from deepnoise_core.contracts import SiteStatistics
from deepnoise_core.contracts.protocols import Arithmetic
from deepnoise_plugins.intensity.options import NoneOptions
from deepnoise_plugins.intensity.portable import Division


class DtypeRange:
    """Intensities / (2^bits − 1), by type and not by the largest value seen."""

    needs = ()
    notes = ()
    transductive = ""

    def __init__(self, options: NoneOptions) -> None:
        self.options = options

    def fit(self, statistics: SiteStatistics) -> None:
        """Nothing is fitted."""

    def __call__(self, images: Tensor, rows: Tensor, keys: NDArray[np.uint64] | None = None) -> Tensor:
        """Images in [0, 1], float32 [B, C, H, W]; anything wider than 8 bits counts as 16."""
        scaled: Tensor = self.arithmetic().module(images)
        return scaled

    def arithmetic(self) -> Arithmetic:
        """The division; there are no statistics."""
        return Arithmetic(Division(), {})

    def statistics_of(self, images: Tensor, rows: Tensor) -> tuple[()]:
        """Nothing."""
        return ()
