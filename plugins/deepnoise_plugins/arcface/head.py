"""ArcFace (Deng et al. 2019, arXiv 1801.07698)."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from deepnoise_plugins.arcface.options import ArcFaceOptions


class ArcFaceHead(nn.Module):
    """Cosine logits s·cos θ; in training s·cos(θ + m) for the true class.

    Where θ + m would pass π, the true class gets s·(cos θ − m·sin m) instead, which keeps the logit falling
    with θ. Computed in float32, and finite with its gradient at cos θ = ±1.
    """

    def __init__(self, options: ArcFaceOptions, *, num_features: int, num_classes: int) -> None:
        super().__init__()
        self.scale = options.scale
        self.margin = options.margin
        self.weight = nn.Parameter(torch.empty(num_classes, num_features))
        nn.init.xavier_normal_(self.weight)

    def forward(self, features: Tensor, labels: Tensor | None = None) -> Tensor:
        """Logits [B, K] of features [B, F]; with labels (int64 [B]) those of the margin loss."""
        with torch.autocast(features.device.type, enabled=False):
            cosine = F.linear(F.normalize(features.float()), F.normalize(self.weight.float()))
            if labels is None:
                return self.scale * cosine
            true = cosine.gather(1, labels[:, None])
            return self.scale * cosine.scatter(1, labels[:, None], self._with_margin(true))

    def _with_margin(self, cosine: Tensor) -> Tensor:
        # The clamp bounds the slope of the square root, which is infinite at cos = ±1.
        sine = (1.0 - cosine.square()).clamp(min=1e-7).sqrt()
        shifted = cosine * math.cos(self.margin) - sine * math.sin(self.margin)
        fallback = cosine - self.margin * math.sin(self.margin)
        return torch.where(cosine > math.cos(math.pi - self.margin), shifted, fallback)
