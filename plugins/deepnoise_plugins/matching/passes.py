"""Showing a student labelled images and the pool, in one pass or in several."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from deepnoise_core.contracts import SupervisedBatch, View
from deepnoise_core.engine.classifier import joined


@dataclass(frozen=True)
class Seen:
    """What a student makes of B labelled images and n of the pool.

    Attributes:
        loss: the head's loss of each labelled image, [B].
        labelled: logits of the labelled images, [B, K].
        judged: logits of the pool from which targets are made, without a gradient, float32 [n, K].
        learning: logits of the pool that learn the targets, float32 [n, K].
    """

    loss: Tensor
    labelled: Tensor
    judged: Tensor
    learning: Tensor


def look(student: nn.Module, supervised: SupervisedBatch, judged: View, learning: View, *, joint: bool) -> Seen:
    """Show everything to the student; a pool with one view for both is shown once.

    Args:
        student: a classifier.
        supervised: labelled images.
        judged: the pool as targets are made from it.
        learning: the pool as it learns them.
        joint: whether all images are one pass, and so share their batch statistics.
    """
    pool = (learning,) if judged is learning else (judged, learning)
    if joint:
        sizes = [len(view.images) for view in (supervised.view, *pool)]
        logits, loss = student(*joined((supervised.view, *pool)), targets=supervised.targets)
        labelled, *of_pool = logits.split(sizes)
        return Seen(loss, labelled, of_pool[0].detach().float(), of_pool[-1].float())
    labelled, loss = student(*supervised.view, targets=supervised.targets)
    learned = student(*learning).float()
    if judged is learning:
        return Seen(loss, labelled, learned.detach(), learned)
    # Last of all: autocast keeps the weights that it has cast, and those cast here would have no gradient.
    with torch.no_grad():
        return Seen(loss, labelled, student(*judged).float(), learned)
