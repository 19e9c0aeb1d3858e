"""One screen, one recipe, and all that a loop written by hand needs to do the maths of ours."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

import deepnoise as dn
from deepnoise.pixels import fitted_inputs
from deepnoise.simulation import simulated_screen
from deepnoise_core.contracts import Screen
from deepnoise_core.contracts.protocols import Augmentation
from deepnoise_core.data.batches import StepRows, plan_steps
from deepnoise_core.engine.classifier import Classifier
from deepnoise_core.engine.inputs import Inputs
from deepnoise_core.engine.observation import Silent
from deepnoise_registry.compose import Composition
from deepnoise_registry.recipes.recipe import Recipe

LEARNING_RATE, DECAY = 1e-3, 1e-4
PLAN = (
    "head=linear",
    "normalizer=z-score",
    "postprocessors=[site-mean]",
    "train.schedule.name=constant",
    f"train.optimizer.lr={LEARNING_RATE}",
    f"train.optimizer.weight_decay={DECAY}",
    "train.selection=last",
    "train.precision=fp32",
)


@dataclass(frozen=True)
class Material:
    """What is learned, from what, and in which order.

    Attributes:
        screen: packed sites.
        composition: of the recipe and the screen.
        recipe: what our loop is given.
        inputs: the path of images, its normalizer fitted.
        augmentation: makes the views.
        student: at its seeded start; never moved.
        labels: class index by row, int64 [N].
        steps: the rows of every step.
    """

    screen: Screen
    composition: Composition
    recipe: Recipe
    inputs: Inputs
    augmentation: Augmentation
    student: Classifier
    labels: NDArray[np.int64]
    steps: list[StepRows]

    def network(self) -> Classifier:
        """The student at its start, in the order that suits channels-last images."""
        return copy.deepcopy(self.student).to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def packed_screen(folder: Path, side: int) -> Screen:
    """The tiny preset's sites of this many pixels a side, packed."""
    dn.pack(simulated_screen("tiny", seed=0, sets=[f"image_size={side}"]), folder)
    return dn.open_screen(folder)


def material(screen: Screen, steps: int, batch: int, *sets: str) -> Material:
    """The material of a training of so many steps."""
    # All labelled sites are the training's, so that validation takes no time from either loop.
    changes = ("data.split.folds=null", "data.image_size=null", f"train.max_steps={steps}", "train.epochs=1000")
    recipe = dn.load_recipe("tiny", sets=[*PLAN, *changes, f"train.batch_size={batch}", *sets])
    made = dn.compose(recipe, screen)
    fitted, inputs = fitted_inputs(screen, made.normalizer, recipe.data, torch.device("cpu"), Silent())
    return Material(
        screen=screen,
        composition=made,
        recipe=recipe,
        inputs=inputs,
        augmentation=made.augmentation,
        student=made.student,
        labels=made.target.codes,
        steps=_steps(made, fitted, steps),
    )


def _steps(made: Composition, screen: Screen, count: int) -> list[StepRows]:
    known = made.target.codes >= 0
    labelled = np.flatnonzero(known & (made.split.parts == "train"))
    pool = np.flatnonzero(made.target.used & np.isin(made.split.parts, made.recipe.data.unlabelled))
    pool = pool if made.strategy.views.unlabelled else pool[:0]
    plan = plan_steps(made.recipe.train, screen, labelled, made.target.codes, pool, seed=made.recipe.seed)
    return [plan.epoch(number // plan.per_epoch)[number % plan.per_epoch] for number in range(count)]
