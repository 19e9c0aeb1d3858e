"""The noisy student as it was published: a new student each round, which learns what the one before says."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import nn

from deepnoise_core.data.scores import log_probabilities
from deepnoise_core.engine.classifier import Classifier
from few_labels.digits import Digits
from few_labels.training import strategy_named, trained


def train_in_rounds(
    make_student: Callable[[int], Classifier],
    data: Digits,
    *,
    rounds: int,
    lr: float,
    epochs: int,
    steps_per_epoch: int,
) -> tuple[nn.Module, nn.Module]:
    """The last round's student and what it publishes; each round is a whole training, the first without the pool.

    Args:
        make_student: the network of a round, at its start.
    """
    teacher: nn.Module | None = None
    for number in range(rounds):
        # A round of its own never comes: its labels are those of the teacher before it.
        strategy = strategy_named("noisy-student", {"ema": 0.99, "rounds": 1})
        strategy.refresh = lambda *_, **__: None
        student = make_student(number)
        steps = trained(
            strategy,
            student,
            data.pool(),
            partial(data.batch, views=strategy.views),
            data.predict,
            lr=lr,
            epochs=epochs,
            steps_per_epoch=steps_per_epoch,
            started=partial(_heed, strategy, teacher, data),
        )
        for _ in steps:
            pass
        teacher = strategy.inference_model()
    return student, teacher


def _heed(strategy: Any, teacher: nn.Module | None, data: Digits) -> None:
    """Let a strategy learn what a teacher says of the pool, where it is sure enough."""
    if teacher is None:
        return
    said = np.exp(log_probabilities(data.predict(teacher).scores)).astype(np.float32)
    said[said.max(axis=1) < strategy.options.threshold] = 0.0
    strategy.rule.labels.copy_(torch.from_numpy(said))
