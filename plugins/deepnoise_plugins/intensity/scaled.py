"""z-scores over all sites of a plate or an experiment."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from deepnoise_core.contracts import Measure, SiteStatistics
from deepnoise_core.data.statistics import pooled_moments
from deepnoise_plugins.zscore.jitter import jittered, standardized
from deepnoise_plugins.zscore.options import ZScoreOptions


class GroupZScore:
    """Each channel minus its group's mean, over its group's standard deviation (ddof 0).

    All sites of a group count, whatever their role or label: on plates of a test screen that makes the result
    transductive, though label-free.
    """

    needs = (Measure.MOMENTS,)
    notes = ()
    transductive = "group statistics"

    def __init__(self, options: ZScoreOptions) -> None:
        self.options = options
        self._group = torch.empty(0, dtype=torch.int64)
        self._mean = torch.empty(0)
        self._std = torch.empty(0)

    def groups(self, statistics: SiteStatistics) -> NDArray[np.str_]:
        """The name of each row's group, [N]."""
        raise NotImplementedError

    def fit(self, statistics: SiteStatistics) -> None:
        """Pool the moments of each group's sites, in float64."""
        names, group = np.unique(self.groups(statistics), return_inverse=True)
        pooled = pooled_moments(statistics, group.astype(np.int64), len(names))
        self._group = torch.from_numpy(group.astype(np.int64))
        self._mean = torch.from_numpy(pooled.mean).float()
        self._std = torch.from_numpy(pooled.std).float()

    def __call__(self, images: Tensor, rows: Tensor, keys: NDArray[np.uint64] | None = None) -> Tensor:
        """Normalized images, float32 [B, C, H, W]."""
        group = self._group[rows.cpu()]
        mean, std = self._mean[group], self._std[group]
        mean, std = jittered(mean, std, keys, self.options.jitter)
        return standardized(images, mean.to(images.device), std.to(images.device))


class PlateZScore(GroupZScore):
    """The group is the plate of its experiment."""

    transductive = "plate statistics"

    def groups(self, statistics: SiteStatistics) -> NDArray[np.str_]:
        """Plate numbers repeat from experiment to experiment, so both make the name."""
        return np.char.add(np.char.add(statistics.experiment, "\x1f"), statistics.plate)


class ExperimentZScore(GroupZScore):
    """The group is the experiment."""

    transductive = "experiment statistics"

    def groups(self, statistics: SiteStatistics) -> NDArray[np.str_]:
        """The experiment's own name."""
        return statistics.experiment

