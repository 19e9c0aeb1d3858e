"""Changes of intensity, each channel on its own: gain and bias, noise, channels left out."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import ndtri
from torch import Tensor

from deepnoise_core.engine.transfer import sent
from deepnoise_plugins.views.options import ViewOptions


def channel_draws(channels: int) -> int:
    """Uniform numbers that one image of so many channels needs."""
    return 1 + 3 * channels


def recolour(
    images: Tensor, options: ViewOptions, draws: NDArray[np.float64], keys: NDArray[np.uint64]
) -> Tensor:
    """Images [B, C, H, W] with gain and bias, then noise, then some channels set to 0.

    Args:
        images: normalized, so that 0 is the mean.
        options: spreads and probability.
        draws: uniform numbers [B, channel_draws(C)].
        keys: what the noise of each image is drawn from, uint64 [B].
    """
    whether, gain, bias, order = np.split(draws, 1 + images.shape[1] * np.arange(3), axis=1)
    if options.gain or options.bias:
        gain, bias = 1.0 + options.gain * _normals(gain), options.bias * _normals(bias)
        images = images * _moved(gain, images) + _moved(bias, images)
    if options.noise:
        images = images + options.noise * _noise(images, keys)
    if options.drop:
        dropped = min(options.drop_channels, images.shape[1] - 1)
        left_out = (whether < options.drop) & (order.argsort(axis=1) < dropped)
        images = images.masked_fill(sent(left_out, images.device)[:, :, None, None], 0.0)
    return images


def _normals(draws: NDArray[np.float64]) -> NDArray[np.float64]:
    # A draw may be 0, whose quantile is infinite.
    normals: NDArray[np.float64] = ndtri(np.maximum(draws, 2.0**-54))
    return normals


def _noise(images: Tensor, keys: NDArray[np.uint64]) -> Tensor:
    # A number a pixel is too many for the CPU when images are on another device.
    generator = torch.Generator(images.device)
    noise = torch.empty_like(images)
    for one, key in zip(noise, keys, strict=True):
        one.copy_(torch.randn(one.shape, generator=generator.manual_seed(int(key)), device=images.device))
    return noise


def _moved(values: NDArray[np.float64], images: Tensor) -> Tensor:
    return sent(values, images.device, images.dtype)[:, :, None, None]
