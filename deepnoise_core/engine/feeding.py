"""What each step of a training sees, as a function of the seed and the step alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from deepnoise_core.contracts import Batch, LabelledBatch, Progress, StepBatch, TrainOptions, ViewPlan
from deepnoise_core.contracts.protocols import Augmentation
from deepnoise_core.data.batches import batches_per_epoch, endless_batch, epoch_batches, read_ahead
from deepnoise_core.engine.inputs import Inputs


@dataclass(frozen=True)
class _Step:
    """Rows of one step; `turn` is the pass over the unlabelled pool in which its batch begins."""

    labelled: NDArray[np.int64]
    unlabelled: NDArray[np.int64]
    turn: int


class Feed:
    """Labelled and unlabelled views for every step.

    A labelled batch comes from this epoch's permutation of the training sites; an unlabelled one from an
    endless stream over the pool.

    Attributes:
        steps_per_epoch: optimiser steps that one pass over the training sites takes.
    """

    def __init__(
        self,
        inputs: Inputs,
        augmentation: Augmentation,
        labelled: NDArray[np.int64],
        labels: NDArray[np.int64],
        unlabelled: NDArray[np.int64],
        plan: TrainOptions,
        views: ViewPlan,
        seed: int,
    ) -> None:
        self.inputs, self.augmentation, self.views, self.seed = inputs, augmentation, views, seed
        self.labelled, self.labels, self.unlabelled = labelled, labels, unlabelled
        self.batch_size = plan.batch_size
        self.steps_per_epoch = batches_per_epoch(len(labelled), plan.batch_size)
        wanted = plan.unlabelled_batch_size or -(-len(labelled) // self.steps_per_epoch)
        self.unlabelled_size = min(wanted, len(unlabelled)) if views.unlabelled else 0

    def rest_of_epoch(self, progress: Progress, last_step: int) -> Iterator[tuple[StepBatch, int]]:
        """Each remaining step of the epoch, up to `last_step`, with the number of sites it reads."""
        rows = epoch_batches(self.labelled, self.batch_size, seed=self.seed, epoch=progress.epoch)
        ended = progress.step % self.steps_per_epoch
        rows = rows[ended : ended + max(last_step - progress.step, 0)]
        steps = [self._step(labelled, progress.step + index) for index, labelled in enumerate(rows)]
        wanted = (np.concatenate([step.labelled, step.unlabelled]) for step in steps)
        for step, (sites, pixels) in zip(steps, read_ahead(self.inputs.store, wanted), strict=True):
            yield self._batch(step, pixels, progress.epoch), len(sites)

    def _step(self, labelled: NDArray[np.int64], step: int) -> _Step:
        if not self.unlabelled_size:
            return _Step(labelled, labelled[:0], 0)
        return _Step(labelled, *endless_batch(self.unlabelled, self.unlabelled_size, seed=self.seed, step=step))

    def _batch(self, step: _Step, pixels: NDArray[Any], epoch: int) -> StepBatch:
        device, border = self.inputs.device, len(step.labelled)
        known = LabelledBatch(
            rows=torch.from_numpy(step.labelled).to(device),
            views=self.inputs.views(
                pixels[:border],
                step.labelled,
                self.views.labelled,
                self.augmentation,
                seed=self.seed,
                epoch=epoch,
            ),
            labels=torch.from_numpy(self.labels[step.labelled]).to(device),
        )
        if not len(step.unlabelled):
            return StepBatch(known)
        views = self.inputs.views(
            pixels[border:],
            step.unlabelled,
            self.views.unlabelled,
            self.augmentation,
            seed=self.seed,
            epoch=step.turn,
        )
        return StepBatch(known, Batch(torch.from_numpy(step.unlabelled).to(device), views))
