"""A strategy at work on a small student, moved as the engine moves it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from deepnoise_core.contracts import (
    Batch,
    Losses,
    PlateDesign,
    Pool,
    Predictions,
    Progress,
    StepBatch,
    SupervisedBatch,
    Targets,
    TestTimeViews,
    View,
    ViewPlan,
)
from deepnoise_core.contracts.protocols import Strategy
from deepnoise_core.engine.classifier import Classifier
from deepnoise_core.engine.losses import hard_targets
from deepnoise_core.testing.networks import small_classifier

CLASSES, CHANNELS, SIDE, EPOCHS, STEPS_PER_EPOCH = 4, 3, 10, 8, 2
LATE = EPOCHS * STEPS_PER_EPOCH - 1
"""The last step, when every ramp has risen."""

MIDWAY = LATE - 3
"""A step within an epoch, when every strategy has begun to label its pool."""

_LABELLED, _UNLABELLED = 6, 5
_POOL = torch.arange(_LABELLED, _LABELLED + _UNLABELLED)


class Rehearsal:
    """A student, a started strategy, and an optimiser over the student's parameters alone."""

    def __init__(self, make: Callable[[], Strategy], student: Classifier | None = None) -> None:
        self.student = student or small_classifier(channels=CHANNELS, classes=CLASSES, dropout=0.2)
        self.strategy = make()
        self.strategy.start(self.student, pool_of_the_rehearsal(self.student.num_classes))
        self.optimizer = torch.optim.SGD(self.student.parameters(), lr=0.1, momentum=0.9)

    def backward(self, batch: StepBatch, step: int) -> Losses:
        """Losses of one step, with the gradient of their sum left on the student."""
        self.student.train()
        self.optimizer.zero_grad(set_to_none=True)
        with torch.random.fork_rng():
            torch.manual_seed(step)
            losses = self.strategy.losses(self.student, batch, progress_at(step))
            torch.autograd.backward(losses.total)
        return losses

    def train(
        self, start: int, stop: int, change: Callable[[StepBatch], StepBatch] = lambda batch: batch
    ) -> None:
        """Steps `start` to `stop`, with a refresh at the end of each epoch; each batch may be changed."""
        for step in range(start, stop):
            self.backward(change(random_batch(self.strategy.views, step)), step)
            self.optimizer.step()
            after = progress_at(step + 1)
            self.strategy.after_step(self.student, after)
            if after.step % STEPS_PER_EPOCH == 0:
                self.strategy.refresh(_predict_pool, after, improved=True)

    def refresh_until(self, step: int) -> None:
        """The refreshes of all epochs that end before a step, as if nothing else had happened."""
        for end in range(STEPS_PER_EPOCH, step + 1, STEPS_PER_EPOCH):
            self.strategy.refresh(_predict_pool, progress_at(end), improved=True)

    def gradients(self) -> list[Tensor]:
        """The student's gradients, zero where it has none."""
        return [torch.zeros_like(p) if p.grad is None else p.grad.clone() for p in self.student.parameters()]

    def tensors(self) -> dict[str, Tensor]:
        """The states of student and strategy together."""
        student = {f"student.{name}": value for name, value in self.student.state_dict().items()}
        return student | {f"strategy.{name}": value for name, value in self.strategy.state_dict().items()}


def progress_at(step: int) -> Progress:
    """The progress when `step` steps are done."""
    return Progress(step // STEPS_PER_EPOCH, step, EPOCHS, STEPS_PER_EPOCH)


def random_batch(views: ViewPlan, seed: int, *, pool: int = 0, classes: int = CLASSES) -> StepBatch:
    """Random images with another look in every view; another `pool` has other unlabelled images."""
    known, unknown = (torch.Generator().manual_seed(number) for number in (seed, 1000 * (pool + 1) + seed))
    rows, labels = torch.arange(_LABELLED), torch.randint(classes, (_LABELLED,), generator=known)
    seen = _views((views.supervised, *views.labelled), _LABELLED, known)
    supervised = SupervisedBatch(rows, seen[views.supervised], hard_targets(labels))
    labelled = Batch(rows, {name: seen[name] for name in views.labelled})
    if not views.unlabelled:
        return StepBatch(supervised, labelled)
    return StepBatch(supervised, labelled, Batch(_POOL, _views(views.unlabelled, _UNLABELLED, unknown)))


def shuffled(batch: StepBatch, seed: int) -> StepBatch:
    """The same images in another order."""
    generator = torch.Generator().manual_seed(seed)
    supervised, labelled, pool = batch.supervised, batch.labelled, batch.unlabelled
    order = torch.randperm(len(supervised.rows), generator=generator)
    classes, weights, smoothing = supervised.targets
    return StepBatch(
        SupervisedBatch(
            supervised.rows[order],
            _picked(supervised.view, order),
            Targets(classes[order], weights[order], smoothing),
        ),
        _shuffled(labelled, order),
        None if pool is None else _shuffled(pool, torch.randperm(len(pool.rows), generator=generator)),
    )


def renamed(batch: StepBatch, order: Tensor) -> StepBatch:
    """The same images, where class k is called `order[k]`."""
    supervised = batch.supervised
    targets = supervised.targets._replace(classes=order[supervised.targets.classes])
    return replace(batch, supervised=replace(supervised, targets=targets))


def _shuffled(batch: Batch, order: Tensor) -> Batch:
    return Batch(batch.rows[order], {name: _picked(view, order) for name, view in batch.views.items()})


def _picked(view: View, order: Tensor) -> View:
    return View(view.images[order], None if view.condition is None else view.condition[order])


def _views(names: tuple[str, ...], size: int, generator: torch.Generator) -> dict[str, View]:
    images = torch.randn(size, CHANNELS, SIDE, SIDE, generator=generator)
    return {name: View(images + 0.3 * torch.randn(images.shape, generator=generator)) for name in names}


def pool_of_the_rehearsal(classes: int = CLASSES) -> Pool:
    """The sites of every unlabelled batch: a single plate, on which each class is at most once."""
    return Pool(_POOL.numpy(), _ids(), PlateDesign((frozenset(range(classes)),), exclusive=True), classes)


def _predict_pool(model: nn.Module, tta: TestTimeViews = "none") -> Predictions:
    del tta  # Random images look alike from every side.
    network, was_training = cast(Classifier, model), model.training
    images = torch.randn(_UNLABELLED, CHANNELS, SIDE, SIDE, generator=torch.Generator().manual_seed(7))
    with torch.no_grad():
        scores = network.eval()(images).float().numpy()
    network.train(was_training)
    classes = tuple(f"p{number}" for number in range(network.num_classes))
    return Predictions(_ids(), classes, scores)


def _ids() -> dict[str, NDArray[Any]]:
    wells = np.array([f"B{number + 2:02}" for number in range(_UNLABELLED)], dtype=object)
    alike = {name: np.full(len(wells), name, dtype=object) for name in ("experiment", "plate", "cell_type")}
    return {**alike, "role": np.full(len(wells), "treatment", dtype=object), "well": wells, "well_id": wells}
