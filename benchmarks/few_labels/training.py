"""A strategy moved by a plain loop, with the optimiser and learning rate that FixMatch was published with."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch

from deepnoise_core.contracts import Kind, Losses, OptimizerOptions, Pool, Progress, StepBatch
from deepnoise_core.contracts.protocols import Predictor, Strategy
from deepnoise_core.engine.classifier import Classifier
from deepnoise_core.engine.optimization import build_optimizer
from deepnoise_registry.building import build
from deepnoise_registry.catalogue import Catalogue
from deepnoise_registry.discovery import discover
from deepnoise_registry.recipes.recipe import ComponentReference

CATALOGUE = Catalogue(discover())


def strategy_named(name: str, options: Mapping[str, Any]) -> Strategy:
    """A strategy as a recipe would name it."""
    return build(CATALOGUE, Kind.STRATEGY, ComponentReference(name=name, options=dict(options)))


def sgd(network: torch.nn.Module, lr: float) -> torch.optim.Optimizer:
    """Nesterov SGD, without decay of biases and norm weights."""
    return build_optimizer(network, OptimizerOptions(name="sgd", lr=lr, momentum=0.9, weight_decay=5e-4))


def set_cosine(optimizer: torch.optim.Optimizer, lr: float, done: float) -> None:
    """The rate η · cos(7π/16 · t) for the next step, where t is the share of training that is done."""
    for group in optimizer.param_groups:
        group["lr"] = lr * math.cos(7.0 * math.pi / 16.0 * done)


def trained(
    strategy: Strategy,
    student: Classifier,
    pool: Pool,
    batches: Callable[[int], StepBatch],
    predictor: Predictor,
    *,
    lr: float,
    epochs: int,
    steps_per_epoch: int,
    started: Callable[[], None] = lambda: None,
) -> Iterator[Losses]:
    """Train a student as the engine would; the losses of each step.

    Args:
        batches: makes the batch of a step.
        predictor: predicts the pool at the end of each epoch, if the strategy asks.
        started: called once the strategy has started.
    """
    strategy.start(student, pool)
    started()
    optimizer = sgd(student, lr)
    for step in range(epochs * steps_per_epoch):
        progress = Progress(step // steps_per_epoch, step, epochs, steps_per_epoch)
        set_cosine(optimizer, lr, progress.fraction)
        student.train()
        losses = strategy.losses(student, batches(step), progress)
        optimizer.zero_grad()
        losses.total.backward()
        optimizer.step()
        after = Progress((step + 1) // steps_per_epoch, step + 1, epochs, steps_per_epoch)
        strategy.after_step(student, after)
        if after.step % steps_per_epoch == 0:
            strategy.refresh(predictor, after, improved=True)
        yield losses
