"""What holds for every network, whatever it is for."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable

import torch
from torch import Tensor, nn

from deepnoise_core.testing.laws import require


def require_copies_stand_alone(network: nn.Module, given: Tensor) -> None:
    """A deep copy, as teachers and averages are, gives the same bits and shares no tensor."""
    network = network.eval()
    copied = copy.deepcopy(network)
    with torch.no_grad():
        require(torch.equal(copied(given), network(given)), "a copy gives other numbers")
    own = {tensor.data_ptr() for tensor in network.state_dict().values() if tensor.numel()}
    shared = [name for name, tensor in copied.state_dict().items() if tensor.data_ptr() in own]
    require(not shared, f"a copy shares {', '.join(shared[:3])} with the network that it was made of")


def require_all_take_part(network: nn.Module, loss: Callable[[nn.Module], Tensor]) -> None:
    """A loss reaches every parameter that can be trained, as training on several devices demands."""
    torch.autograd.backward(loss(network.train()))
    idle = [name for name, one in network.named_parameters() if one.requires_grad and one.grad is None]
    require(not idle, f"training reaches no parameter {', '.join(idle[:3])}")


def export_note(network: nn.Module, given: Tensor) -> str:
    """Whether `torch.export` takes the network, which exported programs need and training does not."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.export.export(network.eval(), (given,))
    except Exception as error:  # noqa: BLE001, reported and not judged
        return f"torch.export does not work: {type(error).__name__}"
    return "torch.export works"
