"""ArcFace (Deng et al. 2019, arXiv 1801.07698)."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from deepnoise_core.contracts import Targets
from deepnoise_core.engine.losses import hard_targets, target_loss
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

    def forward(self, features: Tensor) -> Tensor:
        """Scaled cosines, [B, K] of features [B, F]."""
        return self.scale * self._cosine(features)

    def loss(self, features: Tensor, targets: Targets) -> Tensor:
        """Cross-entropy with the margin on the target, [B]; several targets weigh a loss each."""
        cosine = self._cosine(features)
        losses = [
            weights * target_loss(self._logits(cosine, classes), hard_targets(classes, targets.smoothing))
            for classes, weights in zip(targets.classes.unbind(1), targets.weights.unbind(1), strict=True)
        ]
        return torch.stack(losses).sum(dim=0)

    def _cosine(self, features: Tensor) -> Tensor:
        with torch.autocast(features.device.type, enabled=False):
            return F.linear(F.normalize(features.float()), F.normalize(self.weight.float()))

    def _logits(self, cosine: Tensor, labels: Tensor) -> Tensor:
        true = cosine.gather(1, labels[:, None])
        return self.scale * cosine.scatter(1, labels[:, None], self._with_margin(true))

    def _with_margin(self, cosine: Tensor) -> Tensor:
        # The clamp bounds the slope of the square root, which is infinite at cos = ±1.
        sine = (1.0 - cosine.square()).clamp(min=1e-7).sqrt()
        shifted = cosine * math.cos(self.margin) - sine * math.sin(self.margin)
        fallback = cosine - self.margin * math.sin(self.margin)
        return torch.where(cosine > math.cos(math.pi - self.margin), shifted, fallback)
