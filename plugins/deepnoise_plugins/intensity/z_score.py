"""z-score within a site."""

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from deepnoise_core.contracts import SiteStatistics
from deepnoise_plugins.zscore.jitter import jittered, standardized
from deepnoise_plugins.zscore.options import ZScoreOptions


class SiteZScore:
    """Each channel of each image minus its own mean, over its own standard deviation (ddof 0)."""

    needs = ()
    notes = ()
    transductive = ""

    def __init__(self, options: ZScoreOptions) -> None:
        self.options = options

    def fit(self, statistics: SiteStatistics) -> None:
        """Nothing is fitted: an image brings its own statistics."""

    def __call__(self, images: Tensor, rows: Tensor, keys: NDArray[np.uint64] | None = None) -> Tensor:
        """Normalized images, float32 [B, C, H, W]."""
        pixels = images.double().flatten(2)
        mean, std = pixels.mean(dim=2).float(), pixels.std(dim=2, correction=0).float()
        return standardized(images, *jittered(mean, std, keys, self.options.jitter))
