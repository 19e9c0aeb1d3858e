"""FreeMatch (Wang et al. 2022, arXiv 2205.07246)."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from deepnoise_core.contracts import Pool
from deepnoise_core.engine.processes import rows_of_all
from deepnoise_plugins.matching.options import FreeMatchOptions
from deepnoise_plugins.matching.rules import Guess, best_of
from deepnoise_plugins.matching.strategy import Matching


class FreeMatch(Matching):
    """FixMatch with thresholds that follow the network, and a term that keeps classes equally frequent."""

    def __init__(self, options: FreeMatchOptions) -> None:
        super().__init__(options, options.supervised_view, options.weak_view, options.strong_view)
        self.options = options

    def make_rule(self, pool: Pool) -> nn.Module:
        """Thresholds from running averages."""
        self.thresholds = AdaptiveThresholds(pool.num_possible, self.options.momentum, self.options.highest)
        return self.thresholds

    def further_terms(self, learning: Tensor, guess: Guess) -> Mapping[str, Tensor]:
        """The term `fairness`."""
        if not self.options.fairness:
            return {}
        averages = self.thresholds
        term = unfairness(learning, guess.weights, averages.mean, averages.counts)
        return {"fairness": self.options.fairness * term}


class AdaptiveThresholds(nn.Module):
    """Thresholds τ · p̃(c) / max p̃ of each class c, from running averages that start at 1/K.

    Attributes:
        level: τ, the average confidence, a scalar.
        mean: p̃, the average probability of each class, [K].
        counts: h̃, how often each class is the best, [K].

    Args:
        num_classes: K.
        momentum: decay of the averages.
        highest: limit of τ.
    """

    level: Tensor
    mean: Tensor
    counts: Tensor

    def __init__(self, num_classes: int, momentum: float, highest: float = 1.0) -> None:
        super().__init__()
        self.momentum, self.highest = momentum, highest
        uniform = torch.full((num_classes,), 1.0 / num_classes)
        self.register_buffer("level", uniform[0].clone())
        self.register_buffer("mean", uniform)
        self.register_buffer("counts", uniform.clone())

    def forward(self, logits: Tensor, rows: Tensor) -> Guess:
        """Targets and weights from logits [n, K]; the averages count them first, and those of other processes."""
        probabilities, best = logits.softmax(dim=1), best_of(logits)
        confidence = probabilities.amax(dim=1)
        seen = rows_of_all(probabilities)
        self.level.lerp_(seen.amax(dim=1).mean(), 1.0 - self.momentum).clamp_(max=self.highest)
        self.mean.lerp_(seen.mean(dim=0), 1.0 - self.momentum)
        self.counts.lerp_(rows_of_all(best).mean(dim=0), 1.0 - self.momentum)
        thresholds = self.level * self.mean / self.mean.max()
        return Guess(best, (confidence >= thresholds[logits.argmax(dim=1)]).float())


def unfairness(logits: Tensor, mask: Tensor, mean: Tensor, counts: Tensor) -> Tensor:
    """Σ over classes of N(p̃ / h̃) · log N(p̄ / h), where N divides by the sum; a scalar, 0 where all is masked.

    Lowest where the masked batch, corrected for how often each class is its best, keeps to what the averages
    say. Classes that are the best of no image of the batch have no part in its N(p̄ / h), as USB has it.

    Args:
        logits: those that learn, [n, K].
        mask: 1 for images that count, 0 for others, [n].
        mean: p̃, [K].
        counts: h̃, [K].
    """
    size = mask.sum().clamp(min=1.0)
    frequency = (mask[:, None] * best_of(logits.detach())).sum(dim=0) / size
    probability = (mask[:, None] * logits.softmax(dim=1)).sum(dim=0) / size
    expected = _normed(mean * _inverse(counts))
    return mask.any() * (expected * (_normed(probability * _inverse(frequency)) + 1e-12).log()).sum()


def _inverse(values: Tensor) -> Tensor:
    return torch.where(values > 0, 1.0 / values, 0.0)


def _normed(values: Tensor) -> Tensor:
    return values / values.sum().clamp(min=1e-12)
