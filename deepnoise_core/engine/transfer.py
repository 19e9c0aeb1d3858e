"""Arrays on their way to a device."""

from __future__ import annotations

from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

_FROM_PINNED = ("cuda",)
"""Devices that copy from pinned memory by themselves, while the program goes on."""


def sent(values: NDArray[Any], device: torch.device, dtype: torch.dtype | None = None) -> Tensor:
    """An array as a tensor on a device; the program does not wait until it has arrived at a GPU.

    Args:
        values: of a type that torch has.
        device: where the tensor lives.
        dtype: of the tensor; the array's where None.
    """
    tensor = torch.from_numpy(values).to(dtype)
    if device.type not in _FROM_PINNED:
        return tensor.to(device)
    # Of memory that may be moved a copy would be waited for. Torch gives pinned memory to nobody else until the
    # copy is done, though nothing here refers to it any more.
    return tensor.pin_memory().to(device, non_blocking=True)
