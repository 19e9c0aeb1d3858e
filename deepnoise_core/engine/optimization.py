"""Optimisers, as the training plan names them."""

from __future__ import annotations

import torch
from torch import nn

from deepnoise_core.contracts import OptimizerOptions, Progress, TrainOptions
from deepnoise_core.engine.schedules import rate_factor


def build_optimizer(model: nn.Module, options: OptimizerOptions) -> torch.optim.Optimizer:
    """An optimiser over the model's parameters; with `decay: matrices` those of one dimension do not decay."""
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    dimensions = 1 if options.decay == "matrices" else -1
    groups = [
        {"params": [p for p in trained if p.ndim > dimensions], "weight_decay": options.weight_decay},
        {"params": [p for p in trained if p.ndim <= dimensions], "weight_decay": 0.0},
    ]
    if options.name == "sgd":
        nesterov = options.momentum > 0
        return torch.optim.SGD(groups, lr=options.lr, momentum=options.momentum, nesterov=nesterov)
    cls = torch.optim.AdamW if options.name == "adamw" else torch.optim.Adam
    return cls(groups, lr=options.lr)


def set_rate(optimizer: torch.optim.Optimizer, plan: TrainOptions, progress: Progress) -> float:
    """Set the learning rate of the step that comes next, and return it."""
    rate = plan.optimizer.lr * rate_factor(plan.schedule, progress)
    for group in optimizer.param_groups:
        group["lr"] = rate
    return rate
