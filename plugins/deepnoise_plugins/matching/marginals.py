"""Class frequencies: the running ones of guesses, and bringing guesses to those that are known."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from deepnoise_core.engine.processes import rows_of_all


class RunningMarginals(nn.Module):
    """Running mean of guessed probabilities in each of D domains.

    Attributes:
        mean: [D, K].
        empty: whether a domain's mean begins with its first batch, bool [D].

    Args:
        start: means to begin with, [D, K].
        momentum: decay of a mean in a step that sees an image of its domain.
        first_batch: whether a mean begins with its first batch instead.
    """

    mean: Tensor
    empty: Tensor

    def __init__(self, start: Tensor, momentum: float, *, first_batch: bool = False) -> None:
        super().__init__()
        self.momentum = momentum
        self.register_buffer("mean", start.clone())
        self.register_buffer("empty", torch.full((len(start),), first_batch))

    def update(self, probabilities: Tensor, domains: Tensor) -> None:
        """Count probabilities [n, K] of images in these domains, int64 [n], and those of other processes."""
        probabilities, domains = rows_of_all(probabilities), rows_of_all(domains)
        member = F.one_hot(domains, len(self.mean)).to(probabilities)
        sizes = member.sum(dim=0)[:, None]
        # In the precision of the means, not in that of a surrounding autocast.
        with torch.autocast(probabilities.device.type, enabled=False):
            batch = member.T @ probabilities / sizes.clamp(min=1.0)
        share = torch.where(self.empty[:, None], 1.0, 1.0 - self.momentum) * (sizes > 0)
        self.mean.lerp_(batch, share)
        self.empty &= sizes[:, 0] == 0


def aligned(probabilities: Tensor, known: Tensor, running: Tensor) -> Tensor:
    """Guesses q as if classes were as frequent as is known: q · π / E[q], divided by its sum; [n, K].

    After distribution alignment (Berthelot et al. 2020, arXiv 1911.09785).

    Args:
        probabilities: q, [n, K].
        known: π of each image, or of all, [n, K] or [K].
        running: E[q], likewise.

    Returns:
        Rows that add up to 1, or to 0 where all that is possible is thought impossible.
    """
    weighted = probabilities * known / (running + 1e-6)
    return weighted / weighted.sum(dim=1, keepdim=True).clamp(min=1e-12)
