"""What one training needs, and how it ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from deepnoise_core.contracts import InferenceOptions, PlateDesign, Screen, TrainOptions
from deepnoise_core.contracts.protocols import Augmentation, Strategy
from deepnoise_core.data.batches import Steps, plan_steps, shares_of
from deepnoise_core.engine.classifier import Classifier
from deepnoise_core.engine.domain_norm import domain_norm
from deepnoise_core.engine.inputs import Inputs
from deepnoise_core.engine.processes import process_count, process_rank
from deepnoise_core.engine.selection import check_selection
from deepnoise_core.engine.validation import LabelledPool, ValidationPlates


@dataclass(frozen=True)
class TrainingJob:
    """Everything that one training needs, already composed.

    Attributes:
        screen: N sites; the engine reads identities and pixels, no label.
        classes: names of the K classes.
        labelled: rows of the training sites, int64 [n].
        labels: class index by row of the screen, int64 [N]; only those of `labelled` are read.
        unlabelled: rows whose images alone may be learned from, int64 [u].
        validation: sites that select the best epoch, or None.
        design: what the labelled training plates tell about plates.
        plan: epochs, batches, optimiser.
        seed: all randomness follows from it.
        num_treatments: where treatments are learned, how many of the classes are theirs, which come first.
        inference: with which batch-norm statistics validation wells and the pool are predicted.
    """

    student: Classifier
    strategy: Strategy
    augmentation: Augmentation
    inputs: Inputs
    screen: Screen
    classes: tuple[str, ...]
    labelled: NDArray[np.int64]
    labels: NDArray[np.int64]
    unlabelled: NDArray[np.int64]
    validation: LabelledPool | None
    design: PlateDesign
    plan: TrainOptions
    seed: int
    num_treatments: int | None = None
    inference: InferenceOptions = field(default_factory=InferenceOptions)


@dataclass(frozen=True)
class TrainingResult:
    """How a training ended.

    Attributes:
        weights: file of the best epoch's network.
        best_epoch: that epoch, from 1.
        record: that epoch's line of `metrics.jsonl`.
        steps: steps done.
        bad_images: site id → why it could not be read, of the sites that training went on without.
        stopped_early: whether it ended since no better epoch came.
    """

    weights: Path
    best_epoch: int
    record: Mapping[str, float]
    steps: int
    bad_images: Mapping[str, str]
    stopped_early: bool


def planned_steps(job: TrainingJob) -> Steps:
    """The rows of every step of a job.

    Raises:
        TrainingError: the training sites do not make batches as the plan wants them.
    """
    pool = job.unlabelled if job.strategy.views.unlabelled else job.unlabelled[:0]
    return plan_steps(job.plan, job.screen, job.labelled, job.labels, pool, seed=job.seed)


def validation_plates(job: TrainingJob) -> ValidationPlates | None:
    """Where validation sites stand, as far as the selection of an epoch needs it."""
    if job.validation is None or job.plan.selection != "group":
        return None
    experiment, plate = (
        job.screen.column(name, job.validation.rows).astype(str) for name in ("experiment", "plate")
    )
    return ValidationPlates(experiment, plate, job.design)


def check_job(job: TrainingJob) -> None:
    """Find out whether a job can be trained at all, before anything is read or written.

    Raises:
        TrainingError: the training sites do not make batches as the plan wants them, or these do not divide among
            the processes, or its epochs cannot be compared as it says.
        ModelError: predictions want batch-norm statistics that the network has not.
    """
    steps = planned_steps(job)
    if process_count() > 1:
        shares_of(steps.epoch(0), process_rank(), process_count())
    check_selection(job.plan, job.design, None if job.validation is None else job.validation.num_classes)
    domain_norm(job.inference, job.screen, job.student)
