"""Networks that are built for weights at hand: what would be overwritten at once is not computed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

_FILLS: frozenset[Callable[..., Any]] = frozenset(
    (
        # These four are seen as a whole; all other ways to start a parameter consist of what follows.
        nn.init.constant_,
        nn.init.kaiming_uniform_,
        nn.init.normal_,
        nn.init.uniform_,
        Tensor.add_,
        Tensor.clamp_,
        Tensor.erfinv_,
        Tensor.fill_,
        Tensor.mul_,
        Tensor.normal_,
        Tensor.uniform_,
        Tensor.zero_,
    )
)


class WithoutFilling(TorchFunctionMode):
    """A context in which modules leave their parameters as memory happens to be.

    Random starts take longer than reading a file, and touch memory that is never used. Parameters alone are left
    out: each of them must be in a state that is loaded strictly, while a buffer need not.
    """

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Pass every call on but those that fill a parameter, whose parameter is returned as it is."""
        named = kwargs or {}
        if func in _FILLS:
            filled = args[0] if args else named.get("tensor")
            if isinstance(filled, nn.Parameter):
                return filled
        return func(*args, **named)
