"""Statistic jitter, as in DeepNoise (arXiv 2209.05772)."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from deepnoise_core.data.randomness import uniforms


def jittered(mean: Tensor, std: Tensor, keys: NDArray[np.uint64] | None, amount: float) -> tuple[Tensor, Tensor]:
    """Mean and std [B, C], each times 1 + U(−amount, amount), drawn anew for every image and channel.

    Without keys (evaluation) or amount both come back unchanged.
    """
    if keys is None or amount == 0:
        return mean, std
    draws = torch.from_numpy(1.0 + amount * (2.0 * uniforms(keys, 2 * mean.shape[1]) - 1.0)).to(mean)
    return mean * draws[:, : mean.shape[1]], std * draws[:, mean.shape[1] :]


def standardized(images: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    """(images − mean) / std in float32, for images [B, C, H, W] and statistics [B, C].

    A channel without spread has no scale: it is centred and divided by one.
    """
    safe = torch.where(std > 0, std, torch.ones_like(std))
    return (images.float() - mean[:, :, None, None]) / safe[:, :, None, None]
