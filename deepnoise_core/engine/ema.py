"""The exponential moving average of a student (Tarvainen & Valpola 2017, arXiv 1703.01780)."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from itertools import chain
from typing import Literal, TypeVar

import torch
from torch import nn

BufferPolicy = Literal["own", "copy", "average"]
"""What happens to batch-norm statistics: the teacher's own, the student's, or averaged like parameters."""

M = TypeVar("M", bound=nn.Module)


def clone_teacher(student: M) -> M:
    """A copy of the student that needs no gradient; it stays in float32."""
    teacher = copy.deepcopy(student)
    return teacher.requires_grad_(requires_grad=False)


def decay_at(schedule: Sequence[tuple[float, float]], epochs_done: float, step: int) -> float:
    """Decay after `step` optimiser steps (1 after the first).

    Args:
        schedule: (epoch from which it holds, decay), by epoch; the first must start at 0.
        epochs_done: epochs finished before this step, with fraction.
        step: optimiser steps finished.

    Returns:
        The scheduled decay, capped by 1 − 1/(step + 1): a young average is the plain running mean.
    """
    decay = [value for start, value in schedule if start <= epochs_done][-1]
    return min(decay, 1.0 - 1.0 / (step + 1))


@torch.no_grad()
def update_teacher(teacher: nn.Module, student: nn.Module, decay: float, buffers: BufferPolicy) -> None:
    """Move the teacher: parameters ← decay · teacher + (1 − decay) · student, in place."""
    _lerp(list(teacher.parameters()), list(student.parameters()), 1.0 - decay)
    if buffers == "own":
        return
    pairs = list(zip(teacher.buffers(), student.buffers(), strict=True))
    averaged = [pair for pair in pairs if buffers == "average" and pair[0].is_floating_point()]
    copied = [pair for pair in pairs if buffers == "copy" or not pair[0].is_floating_point()]
    _lerp([mine for mine, _ in averaged], [theirs for _, theirs in averaged], 1.0 - decay)
    for mine, theirs in copied:
        mine.copy_(theirs)


def teacher_tensors(teacher: nn.Module) -> dict[str, torch.Tensor]:
    """Parameters and buffers by name, detached, for checkpoints."""
    named = chain(teacher.named_parameters(), teacher.named_buffers())
    return {name: tensor.detach() for name, tensor in named}


def _lerp(targets: list[torch.Tensor], sources: list[torch.Tensor], weight: float) -> None:
    if targets:
        torch._foreach_lerp_(
            targets, [source.to(target) for source, target in zip(sources, targets, strict=True)], weight
        )
