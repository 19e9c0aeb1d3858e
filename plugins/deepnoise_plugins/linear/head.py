"""A linear head."""

from typing import cast

from torch import Tensor, nn

from deepnoise_core.contracts import Targets
from deepnoise_core.engine.losses import target_loss
from deepnoise_plugins.linear.options import LinearOptions


class LinearHead(nn.Module):
    """Logits = W · dropout(features) + b."""

    def __init__(self, options: LinearOptions, *, num_features: int, num_classes: int) -> None:
        super().__init__()
        self.dropout = nn.Dropout(options.dropout)
        self.linear = nn.Linear(num_features, num_classes)

    def forward(self, features: Tensor) -> Tensor:
        """Logits [B, K] of features [B, F]."""
        return cast(Tensor, self.linear(self.dropout(features)))

    def loss(self, features: Tensor, targets: Targets) -> Tensor:
        """Cross-entropy, float32 [B]."""
        return target_loss(self(features), targets)
