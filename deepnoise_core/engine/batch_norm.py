"""The running statistics of batch norm: how fast they follow the batches, and what they were before."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from deepnoise_core.contracts.errors import TrainingError
from deepnoise_core.engine.processes import process_count


def set_batch_norm_momentum(network: nn.Module, momentum: float) -> None:
    """Let every batch norm take this share of its running statistics from the batch at hand.

    Raises:
        TrainingError: the network has no batch norm.
    """
    layers = batch_norm_layers(network)
    if not layers:
        raise TrainingError("train.batch_norm_momentum: the network has no batch norm; set it to null")
    for layer in layers:
        layer.momentum = momentum


def batch_norm_layers(network: nn.Module) -> list[_BatchNorm]:
    """All batch norms of a network, in the order of its modules."""
    return [layer for layer in network.modules() if isinstance(layer, _BatchNorm)]


def share_batch_norm(network: nn.Module, device: torch.device) -> None:
    """Let every batch norm take its statistics from the batches of all processes, which works on GPUs alone.

    Raises:
        TrainingError: the device is none.
    """
    if process_count() == 1:
        return
    if device.type != "cuda":
        raise TrainingError(
            f"train.sync_batch_norm: {process_count()} processes on {device.type} cannot share batch statistics; "
            "set it to false, and each normalizes by its own images"
        )
    from timm.layers import convert_sync_batchnorm

    convert_sync_batchnorm(network)


def running_statistics(*networks: nn.Module) -> list[Tensor]:
    """The running means and variances of all batch norms of these networks, each once."""
    layers = dict.fromkeys(layer for network in networks for layer in batch_norm_layers(network))
    buffers = [buffer for layer in layers for buffer in (layer.running_mean, layer.running_var)]
    return [buffer for buffer in buffers if buffer is not None]


@contextmanager
def statistics_restored(network: nn.Module) -> Iterator[None]:
    """Put running statistics back as they were, whatever is written over them meanwhile."""
    before = [(buffer, buffer.clone()) for buffer in running_statistics(network)]
    try:
        yield
    finally:
        for buffer, value in before:
            buffer.copy_(value)
