"""Steps divided among processes that learn from them together."""

from __future__ import annotations

from collections.abc import Sequence

from deepnoise_core.contracts.errors import TrainingError
from deepnoise_core.data.batches.steps import Made, Rows, StepRows


def share_of(size: int, part: int, count: int) -> slice:
    """Which of `size` things the `part`-th of `count` takes; all shares together hold each once, in order."""
    return slice(size * part // count, size * (part + 1) // count)


def shares_of(steps: Sequence[StepRows], part: int, count: int) -> Sequence[StepRows]:
    """What the `part`-th of `count` processes learns from in each step.

    Raises:
        TrainingError: a step has fewer than two labelled sites for each process, since batch norm cannot train on
            one, or unlabelled ones for some of them alone.
    """
    if count == 1:
        return steps
    for step in steps:
        known, pool = len(step.labelled), len(step.unlabelled)
        if known < 2 * count or 0 < pool < count:
            raise TrainingError(
                f"{count} processes need 2 labelled sites each, and an unlabelled one if there are any, but a "
                f"step has {known} and {pool}; take fewer processes, or make train.batch_size larger"
            )

    def share(place: int) -> StepRows:
        step = steps[place]
        return StepRows(_taken(step.labelled, part, count), _taken(step.unlabelled, part, count))

    return Made(range(len(steps)), share)


def _taken(rows: Rows, part: int, count: int) -> Rows:
    own = share_of(len(rows), part, count)
    return Rows(rows.rows[own], rows.turns[own])
