"""Optimisers and learning-rate schedules, as the training plan names them."""

from __future__ import annotations

import math

import torch
from torch import nn

from deepnoise_core.contracts import OptimizerOptions, Progress, ScheduleOptions, TrainOptions


def build_optimizer(model: nn.Module, options: OptimizerOptions) -> torch.optim.Optimizer:
    """An optimiser over the model's parameters; biases and norm weights (1-d tensors) are not decayed."""
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    groups = [
        {"params": [p for p in trained if p.ndim > 1], "weight_decay": options.weight_decay},
        {"params": [p for p in trained if p.ndim <= 1], "weight_decay": 0.0},
    ]
    if options.name == "sgd":
        nesterov = options.momentum > 0
        return torch.optim.SGD(groups, lr=options.lr, momentum=options.momentum, nesterov=nesterov)
    cls = torch.optim.AdamW if options.name == "adamw" else torch.optim.Adam
    return cls(groups, lr=options.lr)


def rate_factor(options: ScheduleOptions, progress: Progress) -> float:
    """Factor of the learning rate for the step that comes next, in [0, 1]; a pure function."""
    done = progress.epochs_done
    if done < options.warmup_epochs:
        # One step ahead, so that no step is spent at rate zero.
        return min((done + 1.0 / progress.steps_per_epoch) / options.warmup_epochs, 1.0)
    if options.name == "cosine":
        span = max(progress.epochs - options.warmup_epochs, 1e-12)
        rest = 0.5 * (1.0 + math.cos(math.pi * min((done - options.warmup_epochs) / span, 1.0)))
        return options.final + (1.0 - options.final) * rest
    if options.name == "step":
        passed = sum(done >= milestone for milestone in options.milestones)
        return float(options.gamma**passed)
    return 1.0


def set_rate(optimizer: torch.optim.Optimizer, plan: TrainOptions, progress: Progress) -> float:
    """Set the learning rate of the step that comes next, and return it."""
    rate = plan.optimizer.lr * rate_factor(plan.schedule, progress)
    for group in optimizer.param_groups:
        group["lr"] = rate
    return rate
