"""z-scores."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from deepnoise_core.contracts import Measure, SiteStatistics
from deepnoise_core.contracts.protocols import Arithmetic
from deepnoise_core.data.statistics import Pools, pool_moments
from deepnoise_plugins.intensity.portable import Standardization
from deepnoise_plugins.intensity.scaled import Scale, Scaled


class ZScore(Scaled):
    """Each channel minus the mean, over the standard deviation (ddof 0)."""

    measure = Measure.MOMENTS

    def arithmetic(self) -> Arithmetic:
        """The same with given statistics."""
        return Arithmetic(Standardization(), {"centre": "mean", "spread": "standard deviation (ddof 0)"})

    def pooled(self, statistics: SiteStatistics, pools: Pools) -> Scale:
        """Mean and standard deviation of each pool, correctly rounded."""
        moments = pool_moments(statistics, pools)
        return moments.mean, moments.std

    def own(self, images: Tensor, values: Tensor) -> Scale:
        """Mean and standard deviation of each image's values."""
        return image_moments(values)


def image_moments(values: Tensor) -> Scale:
    """Mean and standard deviation (ddof 0) of each channel of each image, float32 [B, C, H, W].

    Both are taken about a number near the mean, where float32 is as exact as the spread asks for; not every
    device has float64.
    """
    found = torch.stack([_about_the_mean(image.flatten(1)) for image in values]).cpu().numpy().astype(np.float64)
    near, rest, length, least, largest = found.transpose(1, 0, 2)
    variance = np.maximum(length**2 / values[0, 0].numel() - rest**2, 0.0)
    return near + rest, np.where(largest > least, np.sqrt(variance), 0.0)


def _about_the_mean(planes: Tensor) -> Tensor:
    """A number near each plane's mean, mean and length about it, and extremes, for planes [C, H · W]: [5, C]."""
    near = planes.mean(dim=1, keepdim=True).round()
    centred = planes - near
    length = torch.linalg.vector_norm(centred, dim=1)
    return torch.stack([near[:, 0], centred.mean(dim=1), length, planes.amin(dim=1), planes.amax(dim=1)])
