"""Steps as the training programs of others take them: timm's `train.py`, and the mean teacher of USB.

Pixels and views come to all of them as to ours: timm's loader opens pictures of three channels, and USB's its own
data sets.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Literal

import torch
from few_labels import usb
from timm.optim import create_optimizer_v2
from timm.scheduler import create_scheduler_v2
from timm.utils import AverageMeter
from torch import nn

from loops.bare import seen
from loops.material import DECAY, LEARNING_RATE, Material

Order = Literal["contiguous", "channels_last"]

CONSISTENCY, TEACHER_DECAY = 50.0, 0.999
AS_USB = (
    f"strategy={{name: mean-teacher, options: {{consistency: {CONSISTENCY}, ramp: linear, ramp_share: 0.4, "
    f"cap: false, decay: [[0, {TEACHER_DECAY}]], on_labelled: false, supervised_view: weak, teacher_view: weak, "
    "student_view: strong}}",
    "augmentation=weak-strong",
    "train.optimizer.name=sgd",
)
"""Our strategy with USB's settings, which ends in the weights that USB's ends in: see `semilearn_parity.py`."""


def under_timm(material: Material, order: Order) -> Iterator[nn.Module]:
    """As `train.py` does by default on a CPU: full precision, no average of weights, the loss read at each step.

    The network is yielded after each step.
    """
    network, material = _in_order(material, order)
    optimizer = create_optimizer_v2(network, opt="adamw", lr=LEARNING_RATE, weight_decay=DECAY)
    scheduler, _ = create_scheduler_v2(optimizer, num_epochs=material.recipe.train.epochs)
    loss_of, losses = nn.CrossEntropyLoss(), AverageMeter()
    network.train()
    for number, step in enumerate(seen(material, ["normal"]), start=1):
        loss = loss_of(network(step.labelled["normal"]), step.labels)
        losses.update(loss.item(), len(step.labels))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scheduler.step_update(num_updates=number, metric=losses.avg)
        yield network


def under_usb(material: Material, order: Order) -> Iterator[nn.Module]:
    """The mean teacher of the released package, step by step; yields the student after each."""
    network, material = _in_order(material, order)
    batches = (
        (step.labelled["weak"], step.labels, step.unlabelled["weak"], step.unlabelled["strong"])
        for step in seen(material, ["weak"], ["weak", "strong"])
    )
    steps = usb.trained(
        "meanteacher",
        {"ulb_loss_ratio": CONSISTENCY},
        network,
        batches,
        steps=len(material.steps),
        lr=LEARNING_RATE,
        ema=TEACHER_DECAY,
    )
    for _ in steps:
        yield network


def _in_order(material: Material, order: Order) -> tuple[nn.Module, Material]:
    """The network at its start and the material, both with images in this order of memory."""
    layout = getattr(torch, "channels_last" if order == "channels_last" else "contiguous_format")
    inputs = replace(material.inputs, layout=layout)
    return material.network().to(memory_format=layout), replace(material, inputs=inputs)  # type: ignore[call-overload]
