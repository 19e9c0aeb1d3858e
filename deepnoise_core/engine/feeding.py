"""What each step of a training sees, as a function of the seed and the step alone."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from deepnoise_core.contracts import (
    Batch,
    MixingOptions,
    Progress,
    StepBatch,
    SupervisedBatch,
    View,
    ViewPlan,
)
from deepnoise_core.contracts.protocols import Augmentation
from deepnoise_core.data.batches import Rows, StepRows, Steps, shares_of
from deepnoise_core.engine.inputs import Inputs
from deepnoise_core.engine.losses import hard_targets
from deepnoise_core.engine.mixing import mixed
from deepnoise_core.engine.processes import own_seed, process_count, process_rank
from deepnoise_core.engine.transfer import sent

_AT_ONCE = 64
"""Steps whose rows are made together."""


@dataclass(frozen=True)
class Portion:
    """One step's images.

    Attributes:
        batch: what is learned from; None where fewer than two labelled sites could be read.
        labelled: labelled sites that were read.
        unlabelled: unlabelled sites that were read.
    """

    batch: StepBatch | None
    labelled: int
    unlabelled: int


class Feed:
    """Labelled and unlabelled views for every step, or this process's share of them.

    Attributes:
        steps: the rows of every step.
        waited: seconds that this feed has waited for pixels so far.

    Args:
        inputs: the path of the images.
        augmentation: makes the views.
        labels: class index by row of the screen, int64 [N].
        steps: the rows of every step.
        views: names of the views.
        seed: all randomness follows from it.
        mixing: how images with targets are mixed.
        smoothing: share of each target that is spread over all classes.
    """

    def __init__(
        self,
        inputs: Inputs,
        augmentation: Augmentation,
        labels: NDArray[np.int64],
        steps: Steps,
        views: ViewPlan,
        seed: int,
        mixing: MixingOptions,
        smoothing: float,
    ) -> None:
        self.inputs, self.augmentation, self.labels = inputs, augmentation, labels
        self.steps, self.views, self.seed = steps, views, seed
        self.mixing, self.smoothing = mixing, smoothing
        self._labelled_views = tuple(dict.fromkeys((views.supervised, *views.labelled)))
        self.waited = 0.0

    def rest_of_epoch(self, progress: Progress, last_step: int) -> Iterator[Portion]:
        """Each remaining step of the epoch, up to `last_step`.

        Raises:
            TrainingError: a step of the epoch does not divide among the processes.
        """
        ended = progress.step % self.steps.per_epoch
        steps = shares_of(self.steps.epoch(progress.epoch), process_rank(), process_count())
        steps = steps[ended : ended + max(last_step - progress.step, 0)]
        coming = deque[StepRows]()
        with closing(self.inputs.read_ahead(_wanted(steps, coming))) as images:
            for number in range(progress.step, progress.step + len(steps)):
                started = time.perf_counter()
                rows, pixels = next(images)
                self.waited += time.perf_counter() - started
                step = coming.popleft()
                whole = len(rows) == len(step.labelled) + len(step.unlabelled)
                read = step if whole else StepRows(step.labelled.among(rows), step.unlabelled.among(rows))
                yield Portion(self._batch(read, pixels, number), len(read.labelled), len(read.unlabelled))

    def rows_of(self, step: int) -> NDArray[np.int64]:
        """Rows of a step, counted from 0 over all epochs; those of all processes."""
        epoch, place = divmod(step, self.steps.per_epoch)
        return _rows_of(self.steps.epoch(epoch)[place])

    def _batch(self, step: StepRows, pixels: NDArray[Any], number: int) -> StepBatch | None:
        border = len(step.labelled)
        if border < 2:
            return None
        plan, labels = self.views, self._moved(self.labels[step.labelled.rows])
        views = self._views(step.labelled, pixels[:border], self._labelled_views)
        rows = self._moved(step.labelled.rows)
        seed = own_seed(self.seed, "mixing", number)
        named = mixed(views[plan.supervised], hard_targets(labels, self.smoothing), self.mixing, seed)
        supervised = SupervisedBatch(rows, *named)
        labelled = Batch(rows, {name: views[name] for name in plan.labelled})
        if not len(step.unlabelled):
            return StepBatch(supervised, labelled)
        views = self._views(step.unlabelled, pixels[border:], plan.unlabelled)
        return StepBatch(supervised, labelled, Batch(self._moved(step.unlabelled.rows), views))

    def _moved(self, values: NDArray[np.int64]) -> Tensor:
        return sent(values, self.inputs.device)

    def _views(self, which: Rows, pixels: NDArray[Any], names: tuple[str, ...]) -> dict[str, View]:
        return self.inputs.views(pixels, which.rows, names, self.augmentation, seed=self.seed, turns=which.turns)


def _wanted(steps: Sequence[StepRows], coming: deque[StepRows]) -> Iterator[NDArray[np.int64]]:
    """The rows of each step, which is left here until its pixels come: it would take as long to make it again."""
    for start in range(0, len(steps), _AT_ONCE):
        # Made one by one between two passes of a network, they would take several times as long.
        made = [(step, _rows_of(step)) for step in steps[start : start + _AT_ONCE]]
        for step, rows in made:
            coming.append(step)
            yield rows


def _rows_of(step: StepRows) -> NDArray[np.int64]:
    return np.concatenate([step.labelled.rows, step.unlabelled.rows])
