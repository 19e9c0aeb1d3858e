"""Scales that are read from how often each intensity occurs."""

from __future__ import annotations

from abc import abstractmethod

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from deepnoise_core.contracts import Measure, SiteStatistics
from deepnoise_core.data.statistics import Pools, pool_histograms
from deepnoise_plugins.intensity.scaled import Scale, Scaled


class Counted(Scaled):
    """One rule for pools of sites and for single images: both have a histogram, and it is exact."""

    measure = Measure.HISTOGRAMS

    @abstractmethod
    def of_counts(self, counts: NDArray[np.int64]) -> Scale:
        """Centre and spread [C] of pixels, given how many have each value, int64 [C, bins]."""

    def pooled(self, statistics: SiteStatistics, pools: Pools) -> Scale:
        """The rule on the summed histograms of each pool."""
        centre, spread = pool_histograms(statistics, pools, self.of_counts)
        return centre, spread

    def own(self, images: Tensor, values: Tensor) -> Scale:
        """The rule on the histograms of each image."""
        centre, spread = zip(*(self.of_counts(image_histogram(image)) for image in images), strict=True)
        return np.stack(centre), np.stack(spread)


def image_histogram(image: Tensor) -> NDArray[np.int64]:
    """Pixels of each value in each channel of a raw image [C, H, W], int64 [C, 256] or [C, 65536]."""
    bins = 256 if image.dtype == torch.uint8 else 65536
    planes = image.flatten(1)
    if planes.device.type != "cpu":
        return counted_on_device(planes, bins)
    values = planes.numpy() if planes.dtype == torch.uint8 else planes.long().numpy()
    return np.stack([np.bincount(plane, minlength=bins) for plane in values])


def counted_on_device(planes: Tensor, bins: int) -> NDArray[np.int64]:
    """Pixels of each value in each plane [C, n], int64 [C, bins]; planes stay where they are."""
    first = bins * torch.arange(len(planes), device=planes.device)[:, None]
    counts = torch.bincount((planes.long() + first).flatten(), minlength=bins * len(planes))
    return counts.reshape(len(planes), bins).cpu().numpy()
