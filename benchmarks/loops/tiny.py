"""A step of less than half a millisecond of work, in which the loop around it shows."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from deepnoise_core.contracts import Screen
from deepnoise_core.engine.classifier import Classifier
from deepnoise_core.engine.devices import pick_hardware
from deepnoise_core.engine.job import TrainingJob
from deepnoise_core.engine.training import train
from loops.bare import supervised
from loops.frameworks import under_accelerate, under_lightning
from loops.material import Material, material
from loops.ours import Alternating, Beside

SHRINK = 4


def tiny_steps(screen: Screen, folder: Path, steps: int) -> Beside:
    """Our loop, bare ones, accelerate's and Lightning's, some steps of each in turn."""
    made = material(
        screen, steps, 4, "strategy=supervised", "backbone={name: timm, options: {model: test_resnet}}"
    )
    made = dataclasses.replace(made, student=_tiny(made))
    loops: dict[str, Callable[[Material], Iterator[nn.Module]]] = {
        "bare": supervised,
        "bare, fused": partial(supervised, fused=True),
        "accelerate": under_accelerate,
        "Lightning": under_lightning,
    }
    watch = Alternating({name: loop(made) for name, loop in loops.items()})
    job = job_of(made)
    folder.mkdir()
    train(job, folder, pick_hardware("cpu", "fp32"), watch)
    return watch.found(job.student)


def job_of(made: Material) -> TrainingJob:
    """The job of a supervised recipe, without validation."""
    composed = made.composition
    known = (made.labels >= 0) & (composed.split.parts == "train")
    return TrainingJob(
        student=copy.deepcopy(made.student),
        strategy=composed.strategy,
        augmentation=made.augmentation,
        inputs=made.inputs,
        screen=made.screen,
        classes=composed.target.classes,
        labelled=np.flatnonzero(known),
        labels=made.labels,
        unlabelled=np.empty(0, dtype=np.int64),
        validation=None,
        design=composed.design,
        plan=made.recipe.train,
        seed=made.recipe.seed,
    )


def _tiny(made: Material) -> Classifier:
    channels, side = made.screen.store.read(np.array([0])).shape[1:3]
    torch.manual_seed(0)
    backbone = _Pooled(channels * (side // SHRINK) ** 2, made.student.num_features)
    return Classifier(backbone, made.student.head, made.student.num_classes)


class _Pooled(nn.Module):
    """One layer of an image of few and large pixels."""

    def __init__(self, pixels: int, features: int) -> None:
        super().__init__()
        self.layer, self.num_features = nn.Linear(pixels, features), features

    def forward(self, images: Tensor) -> Tensor:
        return self.layer(F.avg_pool2d(images, SHRINK).flatten(1)).relu()
