"""What the pool is taught: targets, and how much each of its images counts."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from deepnoise_core.contracts import Pool


class Guess(NamedTuple):
    """What n images of the pool are taught.

    Attributes:
        targets: probability of each class, float32 [n, K].
        weights: how much each image counts, float32 [n]; 0 where it is masked.
    """

    targets: Tensor
    weights: Tensor


class Threshold(nn.Module):
    """Teaches images whose highest probability is at least a threshold.

    Args:
        threshold: the smallest confidence.
        temperature: of the softmax that is taught; None for the best class alone.
    """

    def __init__(self, threshold: float, temperature: float | None = None) -> None:
        super().__init__()
        self.threshold, self.temperature = threshold, temperature

    def forward(self, logits: Tensor, rows: Tensor) -> Guess:
        """Targets and weights from logits [n, K] of these rows of the screen, int64 [n]."""
        confidence = logits.softmax(dim=1).amax(dim=1)
        heat = self.temperature
        targets = best_of(logits) if heat is None else (logits / heat).softmax(dim=1)
        return Guess(targets, (confidence >= self.threshold).float())


def best_of(scores: Tensor) -> Tensor:
    """All probability on the best class of each row, float32 [n, K]; on the first where several are best."""
    return F.one_hot(scores.argmax(dim=1), scores.shape[1]).float()


def soft_cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    """Cross-entropy of each row of logits [n, K] with probabilities [n, K]; float32 [n]."""
    return -(targets * F.log_softmax(logits, dim=1)).sum(dim=1)


def by_row(pool: Pool, values: NDArray[np.generic]) -> Tensor:
    """A value of each site of the pool, [u], as a table that rows of the screen index; 0 at all others."""
    table = np.zeros(int(pool.rows.max(initial=-1)) + 1, dtype=values.dtype)
    table[pool.rows] = values
    return torch.from_numpy(table)
