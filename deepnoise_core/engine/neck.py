"""The neck between features and head of the first place of the RxRx1 challenge (M. Sypetkowski, 2019)."""

from __future__ import annotations

from torch import nn


def make_neck(num_features: int, width: int | None) -> tuple[nn.Module, int]:
    """Batch norm → linear → ReLU → batch norm → linear → batch norm, and the width of what it makes.

    The first linear layer has no bias, since batch norm follows it. Where the width is None, features pass as
    they are.

    Args:
        num_features: F, with what the head is told beside the images.
        width: of both linear layers.
    """
    if width is None:
        return nn.Identity(), num_features
    layers = (
        nn.BatchNorm1d(num_features),
        nn.Linear(num_features, width, bias=False),
        nn.ReLU(),
        nn.BatchNorm1d(width),
        nn.Linear(width, width),
        nn.BatchNorm1d(width),
    )
    return nn.Sequential(*layers), width
