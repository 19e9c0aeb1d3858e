"""Optimisers, as the training plan names them."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from deepnoise_core.contracts import OptimizerOptions, Progress, TrainOptions
from deepnoise_core.engine.divided_tensors import divided_as, is_divided
from deepnoise_core.engine.schedules import rate_factor

_FUSED = ("cpu", "cuda")
"""Devices on which all of an optimiser's arithmetic is one kernel."""


def build_optimizer(model: nn.Module, options: OptimizerOptions) -> torch.optim.Optimizer:
    """An optimiser over a model that is in its place; with `decay: matrices` vectors and numbers do not decay."""
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    dimensions = 1 if options.decay == "matrices" else -1
    groups = [
        {"params": [p for p in trained if p.ndim > dimensions], "weight_decay": options.weight_decay},
        {"params": [p for p in trained if p.ndim <= dimensions], "weight_decay": 0.0},
    ]
    fused = all(parameter.device.type in _FUSED for parameter in trained)
    if options.name == "sgd":
        # PyTorch has no fused kernel of this one for tensors that are divided among processes.
        divided = any(is_divided(parameter) for parameter in trained)
        kernel = {"foreach": True} if divided else {"fused": fused}
        nesterov = options.momentum > 0
        return torch.optim.SGD(groups, lr=options.lr, momentum=options.momentum, nesterov=nesterov, **kernel)
    cls = torch.optim.AdamW if options.name == "adamw" else torch.optim.Adam
    return cls(groups, lr=options.lr, fused=fused)


def rate_at(plan: TrainOptions, progress: Progress) -> float:
    """The learning rate of the step that comes next."""
    return plan.optimizer.lr * rate_factor(plan.schedule, progress)


def set_rate(optimizer: torch.optim.Optimizer, plan: TrainOptions, progress: Progress) -> None:
    """Set the learning rate of the step that comes next."""
    rate = rate_at(plan, progress)
    for group in optimizer.param_groups:
        group["lr"] = rate


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """What an optimiser remembers of its parameters, by their number and its own name."""
    state = optimizer.state_dict()["state"]
    return {
        f"{index}.{name}": value
        for index, values in state.items()
        for name, value in values.items()
        if isinstance(value, Tensor)
    }


def restore_optimizer(optimizer: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """Put back what `optimizer_tensors` gave."""
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    state: dict[int, dict[str, Tensor]] = {}
    for key, tensor in tensors.items():
        index, name = key.split(".", 1)
        state.setdefault(int(index), {})[name] = _laid_out_as(parameters[int(index)], tensor)
    optimizer.load_state_dict({**optimizer.state_dict(), "state": state})


def _laid_out_as(parameter: Tensor, tensor: Tensor) -> Tensor:
    # Fused kernels walk through memory, and take a parameter and what is remembered of it in the same order.
    if tensor.shape != parameter.shape:
        return tensor
    return torch.empty_like(parameter).copy_(divided_as(tensor, parameter))
