"""Unsupervised data augmentation (Xie et al. 2020, arXiv 1904.12848)."""

from __future__ import annotations

import math

from torch import Tensor, nn

from deepnoise_core.contracts import Pool, Progress, Targets
from deepnoise_plugins.matching.options import UdaOptions
from deepnoise_plugins.matching.passes import Seen
from deepnoise_plugins.matching.rules import Threshold
from deepnoise_plugins.matching.strategy import Matching


class Uda(Matching):
    """The strong view learns the sharpened softmax of the weak view, where that is confident.

    With training-signal annealing, labelled images whose class is known better than the schedule allows wait;
    the mean runs over the others.
    """

    def __init__(self, options: UdaOptions) -> None:
        super().__init__(options, options.supervised_view, options.weak_view, options.strong_view)
        self.options = options

    def make_rule(self, pool: Pool) -> nn.Module:
        """A fixed threshold, and soft targets."""
        return Threshold(self.options.threshold, self.options.temperature)

    def supervised_loss(self, seen: Seen, targets: Targets, progress: Progress) -> Tensor:
        """Mean over the labelled images that are not known too well; 0 where all are."""
        if self.options.annealing == "none":
            return seen.loss.mean()
        known = seen.labelled.detach().float().softmax(dim=1).gather(1, targets.classes)
        limit = annealed(self.options.annealing, progress.fraction, seen.labelled.shape[1])
        kept = ((known * targets.weights).sum(dim=1) <= limit).float()
        return (kept * seen.loss).sum() / kept.sum().clamp(min=1.0)


def annealed(schedule: str, done: float, num_classes: int) -> float:
    """The confidence up to which labelled images are learned from: h · (1 − 1/K) + 1/K.

    Args:
        schedule: `linear`, h = t; `exponential`, e^{5(t − 1)}; `logarithmic`, 1 − e^{−5t}.
        done: t, the share of training that is done.
        num_classes: K.
    """
    risen = {
        "linear": done,
        "exponential": math.exp(5.0 * (done - 1.0)),
        "logarithmic": 1.0 - math.exp(-5.0 * done),
    }[schedule]
    return risen * (1.0 - 1.0 / num_classes) + 1.0 / num_classes
