"""Scikit-learn's digits with four labels a class: images, views, and batches as functions of seed and step."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.nn import functional as F

from deepnoise_core.contracts import (
    Batch,
    PlateDesign,
    Pool,
    Predictions,
    StepBatch,
    SupervisedBatch,
    View,
    ViewPlan,
)
from deepnoise_core.data.randomness import derive_seed
from deepnoise_core.engine.losses import hard_targets

TESTED, LABELS_A_CLASS, CLASSES = 500, 4, 10
LABELLED, UNLABELLED = 32, 96


@dataclass(frozen=True)
class Digits:
    """Images [n, 1, 8, 8] in [0, 1]: those tested, those of the pool, and the labelled among the pool.

    Attributes:
        seed: from which the division and all batches follow.
        images: of the pool, 1,297.
        labelled: places of the 40 labelled images in the pool.
        labels: of those.
        tested: 500 images that nothing learns from.
        truth: their labels.
    """

    seed: int
    images: Tensor
    labelled: Tensor
    labels: Tensor
    tested: Tensor
    truth: Tensor

    def batch(self, step: int, views: ViewPlan) -> StepBatch:
        """What a step sees, in the views that a strategy asks for."""
        draw = torch.Generator().manual_seed(derive_seed(self.seed, "batch", step))
        known = torch.randperm(len(self.labelled), generator=draw)[:LABELLED]
        unknown = torch.randperm(len(self.images), generator=draw)[:UNLABELLED]
        of_labelled, of_pool = self.images[self.labelled[known]], self.images[unknown]
        supervised = SupervisedBatch(
            self.labelled[known],
            View(seen(of_labelled, views.supervised, draw)),
            hard_targets(self.labels[known]),
        )
        labelled = {name: View(seen(of_labelled, name, draw)) for name in views.labelled}
        pool = {name: View(seen(of_pool, name, draw)) for name in views.unlabelled}
        return StepBatch(
            supervised, Batch(self.labelled[known], labelled), Batch(unknown, pool) if pool else None
        )

    def pool(self) -> Pool:
        """The pool without a word on its labels; every image is a well."""
        return Pool(np.arange(len(self.images)), self._ids(), PlateDesign(), CLASSES)

    def predict(self, model: nn.Module, tta: str = "none") -> Predictions:
        """Logits of the pool."""
        return Predictions(self._ids(), tuple("0123456789"), logits_of(model, self.images).numpy())

    def accuracy(self, model: nn.Module) -> float:
        """Share of tested images that a network names rightly."""
        return float((logits_of(model, self.tested).argmax(dim=1) == self.truth).float().mean())

    def _ids(self) -> dict[str, np.ndarray]:
        wells = np.array([f"{number:04}" for number in range(len(self.images))], dtype=object)
        alike = {name: np.full(len(wells), "", dtype=object) for name in ("experiment", "plate", "cell_type")}
        return {**alike, "role": np.full(len(wells), "treatment", dtype=object), "well": wells, "well_id": wells}


def digits(seed: int) -> Digits:
    """The digits, divided by a seed."""
    images, labels = load_digits(return_X_y=True)
    shown = torch.tensor(images / 16.0, dtype=torch.float32).reshape(-1, 1, 8, 8)
    truth = torch.tensor(labels)
    order = torch.randperm(len(shown), generator=torch.Generator().manual_seed(derive_seed(seed, "division")))
    tested, pool = order[:TESTED], order[TESTED:]
    labelled = torch.cat([torch.nonzero(truth[pool] == name)[:LABELS_A_CLASS, 0] for name in range(CLASSES)])
    return Digits(seed, shown[pool], labelled, truth[pool][labelled], shown[tested], truth[tested])


def seen(images: Tensor, view: str, draw: torch.Generator) -> Tensor:
    """A view of images [n, 1, 8, 8].

    `weak`: moved by up to 1 pixel. `noisy` and `noisy-too`: that, with noise of 0.1. `strong`: moved by up to 2
    pixels, with noise of 0.25 and a hole of 3x3 pixels.
    """
    if view == "strong":
        moved = _moved(images, 2, draw) + 0.25 * torch.randn(images.shape, generator=draw)
        return moved * ~_hole(len(images), draw)
    moved = _moved(images, 1, draw)
    return moved if view == "weak" else moved + 0.1 * torch.randn(images.shape, generator=draw)


@torch.no_grad()
def logits_of(model: nn.Module, images: Tensor) -> Tensor:
    """Logits [n, K] in evaluation mode; the network is left in the mode it was in."""
    before = model.training
    logits: Tensor = model.eval()(images)
    model.train(before)
    return logits


def _moved(images: Tensor, most: int, draw: torch.Generator) -> Tensor:
    size, side = len(images), images.shape[-1]
    rows, columns = torch.randint(2 * most + 1, (2, size), generator=draw)
    place = torch.arange(side)
    padded = F.pad(images[:, 0], (most, most, most, most))
    each = torch.arange(size)[:, None, None]
    return padded[each, (rows[:, None] + place)[:, :, None], (columns[:, None] + place)[:, None, :]][:, None]


def _hole(size: int, draw: torch.Generator) -> Tensor:
    rows, columns = torch.randint(8 - 3 + 1, (2, size), generator=draw)
    place = torch.arange(8)
    down, across = ((place >= start[:, None]) & (place < start[:, None] + 3) for start in (rows, columns))
    return (down[:, :, None] & across[:, None, :])[:, None]
