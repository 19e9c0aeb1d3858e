"""How a law speaks."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


def require(holds: object, message: str) -> None:
    """Raise AssertionError with the message unless the condition is true."""
    if not holds:
        raise AssertionError(message)


def close(one: Tensor, other: Tensor, tolerance: float = 1e-5) -> bool:
    """Whether two tensors agree in shape, and in value up to a share of the largest; NaN never agrees."""
    if one.shape != other.shape:
        return False
    if not one.numel():
        return True
    one, other = one.detach().double(), other.detach().double()
    scale = float(other.abs().max().clamp(min=1.0))
    return bool(((one - other).abs() <= tolerance * scale).all())
