"""(x − centre) / spread on whole batches."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from deepnoise_core.engine.transfer import sent


def standardize(values: Tensor, centre: NDArray[np.float64], spread: NDArray[np.float64]) -> Tensor:
    """Turn values into (values − centre) / spread in place, correct to float32's rounding of the result.

    Float32 has no room for the fraction of a 16-bit mean. So its whole part is subtracted first, which is exact
    for whole intensities, and the rest is added at the scale of the result.

    Args:
        values: float32 [B, C, H, W].
        centre: [B, C].
        spread: positive, [B, C].
    """
    whole = np.rint(centre)
    values.sub_(spatial(whole, values.device))
    shift, scale = spatial((whole - centre) / spread, values.device), spatial(1 / spread, values.device)
    return torch.addcmul(shift, values, scale, out=values)


def spatial(per_channel: NDArray[np.float64], device: torch.device) -> Tensor:
    """Numbers [B, C] for every pixel of images [B, C, H, W]: float32 [B, C, 1, 1]."""
    return sent(per_channel.astype(np.float32), device)[:, :, None, None]
