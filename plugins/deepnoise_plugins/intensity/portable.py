"""The arithmetic of the normalizers as modules, for programs that run without deepnoise."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Standardization(nn.Module):
    """(x − centre) / spread of given statistics, as `standardize` takes it.

    Args:
        log: of log(1 + x) instead of x.
        clip: what lies below 0 or above 1 becomes that.
    """

    def __init__(self, *, log: bool = False, clip: bool = False) -> None:
        super().__init__()
        self.log, self.clip = log, clip

    def forward(self, images: Tensor, centre: Tensor, spread: Tensor) -> Tensor:
        """Images, float32 [B, C, H, W].

        Args:
            images: raw, [B, C, H, W].
            centre: float64 [B, C].
            spread: float64 [B, C]; a channel without spread is only centred.
        """
        values = images.to(torch.float32)
        if self.log:
            values = values.log1p()
        scale = 1 / torch.where(spread > 0, spread, 1.0)
        whole = centre.round()
        made = (values - _spatial(whole)) * _spatial(scale) + _spatial((whole - centre) * scale)
        return made.clamp(0, 1) if self.clip else made


class Division(nn.Module):
    """Intensities over the largest value of their type, which is that of the images at export."""

    def forward(self, images: Tensor) -> Tensor:
        """Images in [0, 1], float32 [B, C, H, W]."""
        return images.to(torch.float32) / (255.0 if images.dtype == torch.uint8 else 65535.0)


def _spatial(per_channel: Tensor) -> Tensor:
    return per_channel.to(torch.float32)[:, :, None, None]
