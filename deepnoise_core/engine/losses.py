"""Losses that more than one strategy needs."""

from __future__ import annotations

from typing import Literal

from torch import Tensor
from torch.nn import functional as F

Reduction = Literal["class_mean", "class_sum"]


def softmax_mse(student: Tensor, teacher: Tensor, reduction: Reduction) -> Tensor:
    """Mean over samples of the squared distance between two softmaxes; a scalar.

    The gradient flows to the student alone. `class_mean` divides by K, as published for the mean teacher
    (arXiv 1703.01780) and DeepNoise (arXiv 2209.05772), so it shrinks with the number of classes: it cannot
    exceed 2/K. `class_sum` does not.

    Args:
        student: logits [B, K].
        teacher: logits [B, K]; detached here.
        reduction: what is done over classes.
    """
    difference = F.softmax(student.float(), dim=1) - F.softmax(teacher.detach().float(), dim=1)
    distance = difference.square().sum(dim=1).mean()
    return distance / student.shape[1] if reduction == "class_mean" else distance
