"""Networks small enough to train in a test."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from deepnoise_core.contracts import Scored, Targets
from deepnoise_core.engine.classifier import Classifier
from deepnoise_core.engine.losses import target_loss


class SmallBackbone(nn.Module):
    """Two convolutions and a mean: images [B, C, H, W] → features [B, 8]."""

    num_features = 8

    def __init__(self, channels: int, *, batch_norm: bool = True, dropout: float = 0.0) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(channels, 6, 3, stride=2, bias=False),
            nn.BatchNorm2d(6) if batch_norm else nn.Identity(),
            nn.ReLU(),
            nn.Conv2d(6, self.num_features, 3),
            nn.ReLU(),
            nn.Dropout(dropout),
        )

    def forward(self, images: Tensor) -> Tensor:
        """Features [B, 8]."""
        return cast(Tensor, self.layers(images).mean(dim=(2, 3)))


class SmallHead(nn.Module):
    """A linear head whose start is as confident as asked."""

    def __init__(self, num_features: int, num_classes: int, confidence: float = 1.0) -> None:
        super().__init__()
        self.linear = nn.Linear(num_features, num_classes)
        with torch.no_grad():
            self.linear.weight.mul_(confidence)

    def forward(self, features: Tensor) -> Tensor:
        """Logits [B, K]."""
        return cast(Tensor, self.linear(features))

    def scored(self, features: Tensor, targets: Targets) -> Scored:
        """Logits [B, K], and the cross-entropy of the first n."""
        logits = cast(Tensor, self(features))
        return Scored(logits, target_loss(logits, targets))


def small_classifier(
    *,
    channels: int = 3,
    classes: int = 4,
    batch_norm: bool = True,
    dropout: float = 0.0,
    confidence: float = 1.0,
    seed: int = 0,
) -> Classifier:
    """A classifier at a seeded start; torch's own generator stays where it was."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        backbone = SmallBackbone(channels, batch_norm=batch_norm, dropout=dropout)
        head = SmallHead(backbone.num_features, classes, confidence)
    return Classifier(backbone, head, classes)
