"""Tensors of which each process holds a share: the parameters of a divided network, and what goes with them.

Such a tensor is a `DTensor` of PyTorch. All processes must call what makes one whole, in the same order.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, TypeGuard

from torch import Tensor

if TYPE_CHECKING:
    from torch.distributed.tensor import DTensor


def is_divided(tensor: Tensor | None) -> TypeGuard[DTensor]:
    """Whether this process holds a share of the tensor alone."""
    # To import the type takes a second, which trainings that divide nothing are spared.
    return hasattr(tensor, "full_tensor")


def own_share(tensor: Tensor) -> Tensor:
    """What this process holds of a tensor, in the same memory; all of it where it is not divided."""
    return tensor.to_local().detach() if is_divided(tensor) else tensor


def whole(tensor: Tensor) -> Tensor:
    """A tensor with the shares of all processes, without a gradient; itself where it is not divided."""
    return tensor.full_tensor().detach() if is_divided(tensor) else tensor


def divided_as(tensor: Tensor, pattern: Tensor | None) -> Tensor:
    """This process's share of a whole tensor, where the pattern is divided and of its shape; else the tensor."""
    if not is_divided(pattern) or tensor.shape != pattern.shape:
        return tensor
    from torch.distributed.tensor import distribute_tensor

    mesh = pattern.device_mesh
    # Every process has read the same file, so that nothing needs to travel.
    return distribute_tensor(tensor.to(pattern.device), mesh, pattern.placements, src_data_rank=None)


def all_divided_as(tensors: Mapping[str, Tensor], patterns: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """As `divided_as`, of tensors by name."""
    return {name: divided_as(tensor, patterns.get(name)) for name, tensor in tensors.items()}
