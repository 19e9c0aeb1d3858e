"""Two classifiers on the same features, as the first place of the RxRx1 challenge had them."""

from typing import cast

from torch import Tensor, nn

from deepnoise_core.contracts import Scored, Targets
from deepnoise_core.engine.losses import target_loss
from deepnoise_core.engine.neck import make_neck
from deepnoise_plugins.margins.arcface import ArcFaceHead
from deepnoise_plugins.margins.options import ArcFaceOptions, DualOptions


class DualHead(nn.Module):
    """A linear layer, which predicts, and ArcFace, which shapes the features that both read.

    Loss = 0.8 · cross-entropy of the linear layer + 0.2 · ArcFace / 2, with the defaults.
    """

    def __init__(self, options: DualOptions, *, num_features: int, num_classes: int) -> None:
        super().__init__()
        self.linear_weight = options.linear_weight
        self.margin_weight = options.margin_weight * (0.5 if options.halved else 1.0)
        self.neck, width = make_neck(num_features, options.neck)
        self.linear = nn.Linear(width, num_classes)
        angles = ArcFaceOptions(scale=options.scale, margin=options.margin)
        self.arcface = ArcFaceHead(angles, num_features=width, num_classes=num_classes)

    def forward(self, features: Tensor) -> Tensor:
        """The linear layer's logits [B, K] of features [B, F]."""
        return cast(Tensor, self.linear(self.neck(features)))

    def scored(self, features: Tensor, targets: Targets) -> Scored:
        """The linear layer's logits [B, K], and the weighted sum of both losses of the first n, float32 [n]."""
        seen = self.neck(features)
        logits = cast(Tensor, self.linear(seen))
        plain, angular = target_loss(logits, targets), self.arcface.scored(seen, targets).loss
        return Scored(logits, self.linear_weight * plain + self.margin_weight * angular)
