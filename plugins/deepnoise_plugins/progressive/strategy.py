"""Supervision by labels, and by labels that the network gives to more and more wells of the pool."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from deepnoise_core.contracts import (
    NO_LABEL,
    Batch,
    Losses,
    Pool,
    Predictions,
    Progress,
    Refreshed,
    StepBatch,
    Targets,
    View,
    ViewPlan,
)
from deepnoise_core.contracts.protocols import Predictor
from deepnoise_core.data.plates import label_plates, restrict_to_groups
from deepnoise_core.data.scores import best_class
from deepnoise_core.engine.classifier import joined
from deepnoise_core.engine.pseudo_labels import PseudoLabels
from deepnoise_core.engine.ramps import first_epoch
from deepnoise_plugins.progressive.acceptance import Accepted, Candidates, accept, goal
from deepnoise_plugins.progressive.options import ProgressiveOptions


class ProgressivePseudoLabels:
    """The head's loss over labelled images and those of accepted wells, in one pass and by one mean.

    From a share of training on, each epoch begins with accepting wells: classes outside of the plate's group
    (as far as it is known) and classes that the plate has already are excluded, and the wells whose best class
    leads by most are labelled with it for good. Where classes repeat on labelled plates, they may here.

    The first place adds accepted wells to the labelled ones, so a batch holds as many as chance has it. Here
    they come with the pool's part of the batch, whose images of other wells are left out. It also sums the
    logits of a well's sites where this takes their mean, which ranks wells alike while all have as many sites.
    """

    def __init__(self, options: ProgressiveOptions) -> None:
        self.options = options
        self.views = ViewPlan(options.view, unlabelled=(options.view,))

    def start(self, student: nn.Module, pool: Pool) -> None:
        """Nothing is accepted yet."""
        self.student, self.design = student, pool.design
        self.accepted = PseudoLabels(pool).to(next(student.parameters()).device)
        self.plates = _numbered(pool, self.accepted.first)
        self.shape = int(self.plates.max(initial=-1)) + 1, pool.num_classes
        self.any_accepted = False

    def losses(self, student: nn.Module, batch: StepBatch, progress: Progress) -> Losses:
        """One term, `cross_entropy`, in which each accepted image counts `weight` times."""
        seen, targets = batch.supervised.view, batch.supervised.targets
        if not self.any_accepted or batch.unlabelled is None:
            return Losses({"cross_entropy": student(*seen, targets=targets).loss.mean()})
        view, labels = self._known(batch.unlabelled)
        losses = student(*joined((seen, view)), targets=_extended(targets, labels)).loss
        weights = torch.ones_like(losses)
        weights[len(targets.classes) :] = self.options.weight
        return Losses({"cross_entropy": (weights * losses).sum() / weights.sum()})

    def after_step(self, student: nn.Module, progress: Progress) -> None:
        """There is no teacher to move."""

    def refresh(self, predictor: Predictor, progress: Progress, *, improved: bool) -> Refreshed:
        """Accept wells, where that has begun.

        Logs how many are accepted, how many of them now, the lowest lead among these, and how many wells' plates
        are of an unknown group.
        """
        options, given = self.options, self.accepted.given()
        first = first_epoch(options.from_share, progress.epochs)
        if not (first <= progress.epoch < progress.epochs and self.accepted.candidates):
            return Refreshed(pseudo_labels=given)
        fractions = (options.first_fraction, options.last_fraction)
        aim = round(goal(progress.epoch, first, progress.epochs, fractions) * self.accepted.candidates)
        new, unknown = self._accept(predictor(self.student, options.tta), max(aim - len(given), 0))
        given = self.accepted.given()
        self.any_accepted = bool(given)
        logs = {"accepted": len(given), "accepted_now": len(new.rows), "wells_without_prior": unknown}
        finite = new.margins[np.isfinite(new.margins)]
        threshold = {"threshold": float(finite.min())} if len(finite) else {}
        return Refreshed({name: float(value) for name, value in logs.items()} | threshold, given)

    def inference_model(self) -> nn.Module:
        """The student."""
        return self.student

    def state_dict(self) -> Mapping[str, Tensor]:
        """The label of every well of the pool."""
        return self.accepted.state_dict()

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Put the labels back."""
        self.accepted.load_state_dict(dict(state))
        self.any_accepted = bool(self.accepted.given())

    def _accept(self, predictions: Predictions, count: int) -> tuple[Accepted, int]:
        rows, places = self.accepted.places(predictions)
        scores = predictions.scores[rows]
        experiment, plate = (predictions.ids[name][rows] for name in ("experiment", "plate"))
        allowed, known = restrict_to_groups(scores, experiment=experiment, plate=plate, design=self.design)
        labels = self.accepted.labels.cpu().numpy()
        taken = np.zeros(self.shape, dtype=bool)
        taken[self.plates[labels != NO_LABEL], labels[labels != NO_LABEL]] = True
        agreed = None
        if self.options.agree:
            assigned = label_plates(scores, experiment=experiment, plate=plate, design=self.design).labels
            agreed = np.where(assigned == best_class(scores), assigned, NO_LABEL)
        candidates = Candidates(allowed, self.plates[places], labels[places], agreed)
        new = accept(candidates, count, taken, exclusive=self.design.exclusive)
        self.accepted.give(places[new.rows], new.labels)
        return new, int((~known).sum())

    def _known(self, batch: Batch) -> tuple[View, Tensor]:
        labels = self.accepted(batch.rows)
        known = labels != NO_LABEL
        images, condition = batch.views[self.options.view]
        return View(images[known], None if condition is None else condition[known]), labels[known]


def _numbered(pool: Pool, first: NDArray[np.int64]) -> NDArray[np.int64]:
    """Number of the plate of each well, int64 [W]."""
    experiments, plates = (pool.ids[name][first].tolist() for name in ("experiment", "plate"))
    names = list(zip(experiments, plates, strict=True))
    number = {name: place for place, name in enumerate(dict.fromkeys(names))}
    return np.array([number[name] for name in names], dtype=np.int64)


def _extended(targets: Targets, labels: Tensor) -> Targets:
    """The targets, and after them one class for each of these labels."""
    mixed = targets.classes.shape[1]
    weights = torch.zeros(len(labels), mixed, dtype=targets.weights.dtype, device=labels.device)
    weights[:, 0] = 1.0
    return Targets(
        torch.cat([targets.classes, labels[:, None].expand(-1, mixed)]),
        torch.cat([targets.weights, weights]),
        targets.smoothing,
    )
