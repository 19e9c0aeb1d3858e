"""Networks divided among the processes of one training: each holds its share of weights, gradients and averages.

By `fully_shard` of PyTorch, after FSDP (Zhao et al. 2023, arXiv 2304.11277) and ZeRO (Rajbhandari et al. 2020,
arXiv 1910.02054). Batch-norm statistics and other buffers are whole in each process, as ever.
"""

from __future__ import annotations

import copy
import weakref
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar, cast

import torch
from torch import Tensor, nn

from deepnoise_core.contracts import TrainOptions
from deepnoise_core.contracts.errors import TrainingError
from deepnoise_core.engine.copies import require_alike
from deepnoise_core.engine.divided_tensors import is_divided, whole
from deepnoise_core.engine.observation import Observer
from deepnoise_core.engine.processes import process_count

M = TypeVar("M", bound=nn.Module)

_LARGEST, _SMALLEST = 1 / 8, 1 / 128
"""Share of a network's weights that is gathered at once, where its blocks allow it; and that is worth a turn."""
_LISTS = (nn.Sequential, nn.ModuleList, nn.ModuleDict)
"""Modules whose members are blocks, which are called as a whole and so can be gathered for their turn alone."""
_DEVICES = ("cpu", "cuda")


class Division:
    """The networks of a training that are divided, if any; with none, everything gives back what it was given.

    A block of a network is gathered for its turn, forward and backward, and let go after it. One process divides
    nothing, and says so. Networks are divided in place: their parameters are other objects from then on.

    Args:
        plan: what it says of `sharding`.
        networks: on the device, and whole in each process, with the same values.
        device: a CPU or a GPU.
        observer: is told.

    Raises:
        TrainingError: nothing can be divided on this device, or a network cannot, or processes begin with unlike
            ones, or somebody still holds its old parameters, and would read from them what never changes again.
    """

    def __init__(
        self, plan: TrainOptions, networks: Iterable[nn.Module], device: torch.device, observer: Observer
    ) -> None:
        self._outlines: dict[nn.Module, nn.Module] = {}
        if plan.sharding == "none":
            return
        if process_count() == 1:
            observer.note("train.sharding: full divides nothing, since there is one process (--processes)")
            return
        if device.type not in _DEVICES:
            raise TrainingError(
                f"train.sharding: full divides nothing on {device.type}; set it to none, or use --device cpu"
            )
        for network in dict.fromkeys(networks):
            # From here on there is one copy, made of what each process has read.
            require_alike({"network": network.state_dict()}, parts=("network",))
            self._outlines[network] = _outline_of(network)
            _divide(network, device)

    @property
    def divides(self) -> bool:
        """Whether any network is divided."""
        return bool(self._outlines)

    @contextmanager
    def whole(self, network: M) -> Iterator[M]:
        """The network with all its weights in this process, for a while, in which they must not be changed.

        It shares its buffers with the divided network, and none of the processes needs the others to run it.
        """
        outline = self._outlines.get(network)
        if outline is None:
            yield network
            return
        empty = dict(outline.named_parameters(remove_duplicate=False))
        parameters = network.named_parameters(remove_duplicate=False)
        outline.load_state_dict({name: whole(own) for name, own in parameters}, strict=False, assign=True)
        try:
            yield cast(M, outline)
        finally:
            outline.load_state_dict(empty, strict=False, assign=True)


def blocks_of(network: nn.Module) -> list[nn.Module]:
    """The blocks of a network that are gathered in turn, those within others first; the rest is no block's.

    A member of a list of modules is one where it holds few enough weights, or has no such members itself.
    """
    total = sum(parameter.numel() for parameter in network.parameters())
    return list(_blocks_within(network, total))


def _blocks_within(module: nn.Module, total: int) -> Iterator[nn.Module]:
    for child in module.children():
        size = sum(parameter.numel() for parameter in child.parameters())
        if size < _SMALLEST * total:
            continue
        # A list of modules without a `forward` is never called as a whole.
        member = isinstance(module, _LISTS) and type(child).forward is not nn.Module.forward
        within = [] if member and size <= _LARGEST * total else list(_blocks_within(child, total))
        yield from within or ([child] if member else [])


def _divide(network: nn.Module, device: torch.device) -> None:
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    mesh = init_device_mesh(device.type, (process_count(),))
    before = [(name, weakref.ref(parameter)) for name, parameter in network.named_parameters()]
    try:
        for block in [*blocks_of(network), network]:
            _lie_in_order(block)
            fully_shard(block, mesh=mesh, reshard_after_forward=True)
    except (ValueError, NotImplementedError, AssertionError) as error:
        raise TrainingError(
            f"train.sharding: this network cannot be divided ({error}); set it to none"
        ) from error
    for name, parameter in before:
        if parameter() is not None:
            raise TrainingError(
                f"train.sharding: the strategy holds {name!r} of a network as it was before it was divided, and "
                "would not see it change; let it list parameters when it needs them, or set it to none"
            )


def _outline_of(network: nn.Module) -> nn.Module:
    """A copy of a network that has no memory of its own: the very buffers, and parameters without values."""
    known: dict[int, Tensor] = {id(buffer): buffer for buffer in network.buffers()}
    for parameter in network.parameters():
        empty = torch.empty_like(parameter, device="meta")
        known[id(parameter)] = nn.Parameter(empty, requires_grad=parameter.requires_grad)
    return copy.deepcopy(network, known)


def _lie_in_order(module: nn.Module) -> None:
    """Shares are cut from memory as it comes, which must be that of the shape."""
    for parameter in module.parameters():
        if not is_divided(parameter):
            parameter.data = parameter.data.contiguous()
