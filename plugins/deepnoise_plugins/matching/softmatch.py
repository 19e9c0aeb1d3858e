"""SoftMatch (Chen et al. 2023, arXiv 2301.10921)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from deepnoise_core.contracts import Pool
from deepnoise_core.engine.processes import rows_of_all
from deepnoise_plugins.matching.marginals import RunningMarginals, aligned
from deepnoise_plugins.matching.options import SoftMatchOptions
from deepnoise_plugins.matching.rules import Guess, best_of
from deepnoise_plugins.matching.strategy import Matching


class SoftMatch(Matching):
    """FixMatch in which every image counts, the less the further its confidence is below the average."""

    def __init__(self, options: SoftMatchOptions) -> None:
        super().__init__(options, options.supervised_view, options.weak_view, options.strong_view)
        self.options = options

    def make_rule(self, pool: Pool) -> nn.Module:
        """Weights from running averages."""
        options = self.options
        return GaussianWeights(pool.num_possible, options.momentum, options.width, align=options.align)


class GaussianWeights(nn.Module):
    """Weight exp(−(max q − μ)² / (2 σ² / n²)) where max q < μ, else 1.

    Attributes:
        centre: μ, the average confidence, a scalar that starts at 1/K.
        variance: σ², the average unbiased variance of confidence in a batch, a scalar that starts at 1.

    Args:
        num_classes: K.
        momentum: decay of all averages.
        width: n.
        align: whether q is aligned to equally frequent classes before its confidence is judged; the label is
            that of q itself.
    """

    centre: Tensor
    variance: Tensor

    def __init__(self, num_classes: int, momentum: float, width: float, *, align: bool) -> None:
        super().__init__()
        self.momentum, self.width, self.align = momentum, width, align
        uniform = torch.full((1, num_classes), 1.0 / num_classes)
        self.marginals = RunningMarginals(uniform, momentum, first_batch=True)
        self.register_buffer("centre", uniform[0, 0].clone())
        self.register_buffer("variance", torch.ones(()))

    def forward(self, logits: Tensor, rows: Tensor) -> Guess:
        """Targets and weights from logits [n, K]; the averages count them first, and those of other processes."""
        probabilities = logits.softmax(dim=1)
        if self.align:
            self.marginals.update(probabilities, torch.zeros_like(rows))
            probabilities = aligned(probabilities, torch.ones_like(probabilities), self.marginals.mean)
        confidence = probabilities.amax(dim=1)
        seen = rows_of_all(confidence)
        self.centre.lerp_(seen.mean(), 1.0 - self.momentum)
        if len(seen) > 1:
            self.variance.lerp_(seen.var(), 1.0 - self.momentum)
        below = (confidence - self.centre).clamp(max=0.0)
        return Guess(best_of(logits), (-below.square() * self.width**2 / (2.0 * self.variance)).exp())
