"""Networks of the timm library as backbones for any number of channels."""

from __future__ import annotations

from typing import cast

import timm
from torch import Tensor, nn

from deepnoise_core.contracts.errors import InputError
from deepnoise_core.data.names import did_you_mean


class TimmNetwork(nn.Module):
    """A timm network without its classifier: images [B, C, H, W] → pooled features [B, F].

    The first convolution is built for C channels and starts at random, like all other weights.
    """

    def __init__(self, model: str, num_channels: int, drop_path: float = 0.0) -> None:
        super().__init__()
        extra = {"drop_path_rate": drop_path} if drop_path else {}
        self.network = timm.create_model(model, in_chans=num_channels, num_classes=0, **extra)
        # Some networks widen the features after pooling, and name that width apart.
        width = getattr(self.network, "head_hidden_size", None) or self.network.num_features
        self.num_features = cast(int, width)

    def forward(self, images: Tensor) -> Tensor:
        """Features [B, F] of images [B, C, H, W]."""
        return cast(Tensor, self.network(images))


def timm_network(model: str, num_channels: int, drop_path: float = 0.0) -> TimmNetwork:
    """Build a timm network by its architecture name.

    Raises:
        InputError: timm has no such architecture, or the name asks for weights.
    """
    architecture, _, tag = model.partition(".")
    known = timm.list_models()
    if architecture not in known:
        hint = did_you_mean(architecture, known)
        raise InputError(f"timm {timm.__version__} has no architecture {architecture!r}{hint}")
    if tag:
        raise InputError(
            f"{model!r} names the weights {tag!r}, but this backbone starts at random; write {architecture!r}"
        )
    return TimmNetwork(architecture, num_channels, drop_path)
