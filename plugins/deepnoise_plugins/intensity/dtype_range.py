"""No normalization beyond the range of the stored type."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from deepnoise_core.contracts import SiteStatistics
from deepnoise_plugins.intensity.options import NoneOptions


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
        largest = 255.0 if images.dtype == torch.uint8 else 65535.0
        return images.float() / largest
