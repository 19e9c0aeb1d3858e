"""The network that is trained: a backbone and a head."""

from __future__ import annotations

from typing import cast

from torch import Tensor, nn


class Classifier(nn.Module):
    """Images [B, C, H, W] → features [B, F] → logits [B, K].

    Attributes:
        num_features: F.
        num_classes: K.
    """

    def __init__(self, backbone: nn.Module, head: nn.Module, num_classes: int) -> None:
        super().__init__()
        self.backbone = backbone
        self.head = head
        self.num_features = cast(int, backbone.num_features)
        self.num_classes = num_classes

    def embed(self, images: Tensor) -> Tensor:
        """Features [B, F] of normalized images [B, C, H, W]."""
        return cast(Tensor, self.backbone(images))

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        """Logits [B, K]; with labels (int64 [B]) those of the head's training loss."""
        return cast(Tensor, self.head(self.embed(images), labels))
