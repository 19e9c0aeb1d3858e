"""How fast the running statistics of batch norm follow the batches."""

from __future__ import annotations

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from deepnoise_core.contracts.errors import TrainingError


def set_batch_norm_momentum(network: nn.Module, momentum: float) -> None:
    """Let every batch norm take this share of its running statistics from the batch at hand.

    Raises:
        TrainingError: the network has no batch norm.
    """
    layers = [layer for layer in network.modules() if isinstance(layer, _BatchNorm)]
    if not layers:
        raise TrainingError("train.batch_norm_momentum: the network has no batch norm; set it to null")
    for layer in layers:
        layer.momentum = momentum
