"""Losses that more than one strategy needs."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from deepnoise_core.contracts import Targets

Reduction = Literal["class_mean", "class_sum"]


def hard_targets(labels: Tensor, smoothing: float = 0.0) -> Targets:
    """Targets of one class an image, from class indices int64 [B]."""
    classes = labels[:, None]
    return Targets(classes, torch.ones_like(classes, dtype=torch.float32), smoothing)


def target_loss(logits: Tensor, targets: Targets) -> Tensor:
    """Cross-entropy of each image with its weighted classes and label smoothing, float32 [n].

    Smoothing ε gives every class the share ε/K and its target 1 − ε (Szegedy et al. 2016, arXiv 1512.00567).

    Args:
        logits: of B images, [B, K].
        targets: of the first n of them.
    """
    named, count = logits.float(), targets.classes.shape[0]
    if count < named.shape[0]:
        named = named[:count]
    if targets.classes.shape[1] == 1 and targets.smoothing == 0:
        # A row's weights add up to 1, so that a single class weighs nothing else.
        return F.cross_entropy(named, targets.classes[:, 0], reduction="none")
    likelihood = F.log_softmax(named, dim=1)
    losses = [
        weights * F.nll_loss(likelihood, classes, reduction="none")
        for classes, weights in zip(targets.classes.unbind(1), targets.weights.unbind(1), strict=True)
    ]
    loss = losses[0] if len(losses) == 1 else torch.stack(losses).sum(dim=0)
    if targets.smoothing == 0:
        return loss
    return (1.0 - targets.smoothing) * loss - targets.smoothing * likelihood.mean(dim=1)


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
    distance = F.mse_loss(F.softmax(student.float(), dim=1), F.softmax(teacher.detach().float(), dim=1))
    return distance if reduction == "class_mean" else distance * student.shape[1]


def softmax_kl(student: Tensor, teacher: Tensor) -> Tensor:
    """Mean over samples of KL(teacher ‖ student) between two softmaxes, summed over classes; a scalar.

    The gradient flows to the student alone.

    Args:
        student: logits [B, K].
        teacher: logits [B, K]; detached here.
    """
    target = F.log_softmax(teacher.detach().float(), dim=1)
    return F.kl_div(F.log_softmax(student.float(), dim=1), target, reduction="batchmean", log_target=True)
