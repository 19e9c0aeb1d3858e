"""ArcFace (Deng et al. 2019, arXiv 1801.07698)."""

import math

import torch
from torch import Tensor

from deepnoise_plugins.margins.cosine import MarginHead
from deepnoise_plugins.margins.options import ArcFaceOptions


class ArcFaceHead(MarginHead):
    """Cosine logits s·cos θ; in training s·cos(θ + m) for the true class.

    Where θ + m would pass π, the true class gets s·(cos θ − m·sin m) instead, which keeps the logit falling
    with θ. Computed in float32, and finite with its gradient at cos θ = ±1.
    """

    def __init__(self, options: ArcFaceOptions, *, num_features: int, num_classes: int) -> None:
        super().__init__(options.scale, options.neck, num_features=num_features, num_classes=num_classes)
        self.margin = options.margin

    def with_margin(self, cosine: Tensor) -> Tensor:
        """Of cos θ, cos(θ + m), as far as θ + m does not pass π."""
        # The clamp bounds the slope of the square root, which is infinite at cos = ±1.
        sine = (1.0 - cosine.square()).clamp(min=1e-7).sqrt()
        shifted = cosine * math.cos(self.margin) - sine * math.sin(self.margin)
        fallback = cosine - self.margin * math.sin(self.margin)
        return torch.where(cosine > math.cos(math.pi - self.margin), shifted, fallback)
