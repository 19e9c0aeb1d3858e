"""A small convolutional classifier."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from deepnoise_core.contracts import Scored, Targets
from deepnoise_core.engine.classifier import Classifier
from deepnoise_core.engine.losses import target_loss


class ConvBackbone(nn.Module):
    """Three 3x3 convolutions of 32, 64 and 64 channels with batch norm; features [B, 64].

    Args:
        channels: of the images.
        dropout: before the head.
        smooth: whether to bend where others break, with GELU and mean pooling for ReLU and max pooling. A kink
            makes a difference of one rounding a thousand times as large within some steps.
    """

    num_features = 64

    def __init__(self, channels: int, dropout: float, *, smooth: bool) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            *_block(channels, 32, smooth),
            nn.AvgPool2d(2) if smooth else nn.MaxPool2d(2),
            *_block(32, 64, smooth),
            *_block(64, 64, smooth),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Dropout(dropout),
        )

    def forward(self, images: Tensor) -> Tensor:
        return self.layers(images)


class LinearHead(nn.Linear):
    def scored(self, features: Tensor, targets: Targets) -> Scored:
        logits = self(features)
        return Scored(logits, target_loss(logits, targets))


def small_network(
    channels: int, classes: int, seed: int, *, dropout: float = 0.0, smooth: bool = False
) -> Classifier:
    """A network at a seeded start."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return Classifier(ConvBackbone(channels, dropout, smooth=smooth), LinearHead(64, classes), classes)


def _block(inputs: int, outputs: int, smooth: bool) -> list[nn.Module]:  # noqa: FBT001
    bend = nn.GELU() if smooth else nn.ReLU()
    return [nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), bend]
