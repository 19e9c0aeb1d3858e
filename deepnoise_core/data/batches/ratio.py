"""Steps of a labelled and an unlabelled batch, each of a size of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from deepnoise_core.data.batches.division import Division
from deepnoise_core.data.batches.steps import NOTHING, Made, StepRows
from deepnoise_core.data.batches.stream import Rounds, Stream


@dataclass(frozen=True)
class RatioSteps:
    """An epoch is one turn of the labelled sites; the unlabelled batches run on beside it, over all epochs."""

    labelled: Division
    unlabelled: Stream | Rounds | None = None

    @property
    def per_epoch(self) -> int:
        """Steps of each epoch."""
        return self.labelled.batches

    def epoch(self, number: int) -> Sequence[StepRows]:
        """The steps of one epoch, numbered from 0."""
        start, batches = number * self.per_epoch, self.labelled.turn(number)

        def step(place: int) -> StepRows:
            return StepRows(batches[place], self.unlabelled.batch(start + place) if self.unlabelled else NOTHING)

        return Made(range(self.per_epoch), step)
