"""The network that is trained: a backbone and a head."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

import torch
from torch import Tensor, nn

from deepnoise_core.contracts import Scored, Targets, View
from deepnoise_core.contracts.protocols import Head


class Classifier(nn.Module):
    """Images [B, C, H, W] → features [B, F] → logits [B, K].

    Attributes:
        num_features: F.
        num_classes: K.
        num_conditions: T, the width of what the head is told beside the features; 0 where it is told nothing.
    """

    def __init__(self, backbone: nn.Module, head: nn.Module, num_classes: int, num_conditions: int = 0) -> None:
        super().__init__()
        self.backbone = backbone
        self.head = head
        self.num_features = cast(int, backbone.num_features)
        self.num_classes = num_classes
        self.num_conditions = num_conditions

    def embed(self, images: Tensor) -> Tensor:
        """Features [B, F] of normalized images [B, C, H, W]."""
        return cast(Tensor, self.backbone(images))

    def score(self, features: Tensor, condition: Tensor | None = None) -> Tensor:
        """Logits [B, K] of features [B, F]."""
        return cast(Tensor, self.head(self._told(features, condition)))

    def forward(
        self, images: Tensor, condition: Tensor | None = None, targets: Targets | None = None
    ) -> Tensor | Scored:
        """Logits [B, K]; with targets of the first n images, their training loss too.

        Args:
            images: normalized, [B, C, H, W].
            condition: what the head is told, [B, T]; exactly where `num_conditions` is not 0.
            targets: of the first n images.
        """
        features = self._told(self.embed(images), condition)
        if targets is None:
            return cast(Tensor, self.head(features))
        return cast(Head, self.head).scored(features, targets)

    def _told(self, features: Tensor, condition: Tensor | None) -> Tensor:
        width = 0 if condition is None else condition.shape[1]
        if width != self.num_conditions:
            raise ValueError(f"the network is told {self.num_conditions} conditions, but {width} were given")
        return features if condition is None else torch.cat([features, condition.to(features)], dim=1)


def joined(views: Iterable[View]) -> View:
    """Views one after another as a single one, for one pass through a network."""
    views = tuple(views)
    conditions = [view.condition for view in views if view.condition is not None]
    return View(torch.cat([view.images for view in views]), torch.cat(conditions) if conditions else None)
