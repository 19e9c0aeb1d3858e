"""The exponential moving average of a student (Tarvainen & Valpola 2017, arXiv 1703.01780)."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from functools import cached_property
from itertools import chain
from typing import Literal, TypeVar

import torch
from torch import nn

from deepnoise_core.engine.divided_tensors import is_divided, own_share, whole

BufferPolicy = Literal["own", "copy", "average"]
"""What happens to batch-norm statistics: the teacher's own, the student's, or averaged like parameters."""

M = TypeVar("M", bound=nn.Module)


def clone_teacher(student: M) -> M:
    """A copy of the student that needs no gradient, in float32 at least: an average in half precision stalls."""
    teacher = copy.deepcopy(student)
    for tensor in chain(teacher.parameters(), teacher.buffers()):
        if tensor.dtype in (torch.float16, torch.bfloat16):
            tensor.data = tensor.data.float()
    return teacher.requires_grad_(requires_grad=False)


def decay_at(
    schedule: Sequence[tuple[float, float]], epochs_done: float, step: int, *, cap: bool = True
) -> float:
    """Decay after `step` optimiser steps (1 after the first).

    Args:
        schedule: (epoch from which it holds, decay), by epoch; the first must start at 0.
        epochs_done: epochs finished before this step, with fraction.
        step: optimiser steps finished.
        cap: whether the decay is at most 1 − 1/(step + 1), so that a young average is the plain running mean.
    """
    decay = [value for start, value in schedule if start <= epochs_done][-1]
    return min(decay, 1.0 - 1.0 / (step + 1)) if cap else decay


class RunningAverage:
    """Moves a teacher after its student: parameters ← decay · teacher + (1 − decay) · student, in place.

    Parameters are listed once, at the first move: to walk the modules of a network takes about as long as to
    average its weights. Neither network may be given other parameter objects afterwards. Where both are divided
    among processes each averages its share; a teacher that is whole is shown each weight of the student in full.

    Args:
        teacher: the average.
        student: what is averaged, on the same device.
        buffers: what happens to batch-norm statistics.
    """

    def __init__(self, teacher: nn.Module, student: nn.Module, buffers: BufferPolicy) -> None:
        self.teacher, self.student, self.buffers = teacher, student, buffers

    @cached_property
    def _parameters(self) -> tuple[list[torch.Tensor], list[torch.Tensor], bool]:
        """Of the teacher and of the student, and whether their values go together as they are."""
        mine, theirs = list(self.teacher.parameters()), list(self.student.parameters())
        if any(is_divided(one) != is_divided(other) for one, other in zip(mine, theirs, strict=True)):
            return [*mine], [*theirs], False
        alike = all(one.dtype == other.dtype for one, other in zip(mine, theirs, strict=True))
        return [own_share(one) for one in mine], [own_share(other) for other in theirs], alike

    @torch.no_grad()
    def move(self, decay: float) -> None:
        """One step of the average."""
        targets, sources, alike = self._parameters
        if alike:
            torch._foreach_lerp_(targets, sources, 1.0 - decay)
        else:
            for mine, theirs in zip(targets, sources, strict=True):
                mine.lerp_(whole(theirs).to(mine), 1.0 - decay)
        if self.buffers == "own":
            return
        for mine, theirs in zip(self.teacher.buffers(), self.student.buffers(), strict=True):
            if self.buffers == "average" and mine.is_floating_point():
                mine.lerp_(theirs.to(mine), 1.0 - decay)
            else:
                mine.copy_(theirs)


def teacher_tensors(teacher: nn.Module) -> dict[str, torch.Tensor]:
    """Parameters and buffers by name, detached, for checkpoints."""
    named = chain(teacher.named_parameters(), teacher.named_buffers())
    return {name: tensor.detach() for name, tensor in named}
