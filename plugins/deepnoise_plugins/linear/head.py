"""A linear head."""

from typing import cast

from torch import Tensor, nn

from deepnoise_core.contracts import Scored, Targets
from deepnoise_core.engine.losses import target_loss
from deepnoise_core.engine.neck import make_neck
from deepnoise_plugins.linear.options import LinearOptions


class LinearHead(nn.Module):
    """Logits = W · dropout(neck(features)) + b."""

    def __init__(self, options: LinearOptions, *, num_features: int, num_classes: int) -> None:
        super().__init__()
        self.neck, width = make_neck(num_features, options.neck)
        self.dropout = nn.Dropout(options.dropout) if options.dropout else nn.Identity()
        self.linear = nn.Linear(width, num_classes)

    def forward(self, features: Tensor) -> Tensor:
        """Logits [B, K] of features [B, F]."""
        return cast(Tensor, self.linear(self.dropout(self.neck(features))))

    def scored(self, features: Tensor, targets: Targets) -> Scored:
        """Logits [B, K], and the cross-entropy of the first n, float32 [n]."""
        logits = cast(Tensor, self(features))
        return Scored(logits, target_loss(logits, targets))
