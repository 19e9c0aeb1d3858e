"""A linear head."""

from typing import cast

from torch import Tensor, nn

from deepnoise_plugins.linear.options import LinearOptions


class LinearHead(nn.Module):
    """Logits = W · dropout(features) + b; labels change nothing."""

    def __init__(self, options: LinearOptions, *, num_features: int, num_classes: int) -> None:
        super().__init__()
        self.dropout = nn.Dropout(options.dropout)
        self.linear = nn.Linear(num_features, num_classes)

    def forward(self, features: Tensor, labels: Tensor | None = None) -> Tensor:
        """Logits [B, K] of features [B, F]."""
        del labels
        return cast(Tensor, self.linear(self.dropout(features)))
