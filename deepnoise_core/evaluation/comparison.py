"""Comparison: several predictions of the same wells side by side, and refusal of all others."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepnoise_core.contracts.errors import PredictionsError
from deepnoise_core.contracts.predictions import Predictions, Stage
from deepnoise_core.data.names import natural_key, some_of
from deepnoise_core.evaluation.accuracy import Evaluation
from deepnoise_core.evaluation.intervals import Interval, experiment_interval


@dataclass(frozen=True)
class Judged:
    """Predictions with the truth, and what came of it.

    Attributes:
        predictions: the N rows that count, and no other.
        truths: class name of each row, [N].
        evaluation: their accuracy.
    """

    predictions: Predictions
    truths: NDArray[Any]
    evaluation: Evaluation

    @property
    def rows(self) -> NDArray[Any]:
        """What names each row: its site or its well, [N]."""
        return self.predictions.ids["site_id" if self.predictions.per_site else "well_id"].astype(str)


@dataclass(frozen=True)
class Gain:
    """Accuracy of one stage less that of the first predictions, over the same wells.

    Attributes:
        mean: the difference.
        interval: 95 % interval over experiments, each paired with itself; None where there is one experiment.
    """

    mean: float
    interval: Interval | None


@dataclass(frozen=True)
class Comparison:
    """Several evaluations that may stand side by side.

    Attributes:
        evaluations: name of the predictions → their accuracy, the first of them the one to compare with.
        gains: name of each of the others → stage → what it gains over the first, of the stages that both have.
    """

    evaluations: Mapping[str, Evaluation]
    gains: Mapping[str, Mapping[Stage, Gain]]

    def as_dict(self) -> dict[str, Any]:
        """All fields in JSON types."""
        gains = {
            name: {
                stage.value: {"mean": one.mean, "interval": list(one.interval) if one.interval else None}
                for stage, one in own.items()
            }
            for name, own in self.gains.items()
        }
        return {
            "evaluations": {name: one.as_dict() for name, one in self.evaluations.items()},
            "gains": gains,
        }


def compare(judged: Mapping[str, Judged], *, seed: int = 0) -> Comparison:
    """Put predictions of the same wells side by side, paired by experiment.

    Args:
        judged: name → predictions; all are compared with the first.
        seed: of the draws of experiments.

    Raises:
        PredictionsError: there are fewer than two, or two differ in protocol, unit, classes, wells or truth, so
            that their figures do not compare; names the difference.
    """
    if len(judged) < 2:
        raise PredictionsError("a comparison needs two predictions of different names")
    names = list(judged)
    first = judged[names[0]]
    for name in names[1:]:
        _require_same(f"{names[0]} and {name} do not compare", first, judged[name])
    return Comparison(
        evaluations={name: one.evaluation for name, one in judged.items()},
        gains={name: _gains(first, judged[name], seed) for name in names[1:]},
    )


def _require_same(complaint: str, one: Judged, two: Judged) -> None:
    kinds: tuple[tuple[str, Callable[[Judged], object]], ...] = (
        ("protocol", lambda judged: judged.evaluation.protocol.value),
        ("unit", lambda judged: judged.evaluation.unit),
    )
    for kind, value in kinds:
        if value(one) != value(two):
            raise PredictionsError(f"{complaint}: one is of {kind} {value(one)}, the other of {value(two)}")
    sets: tuple[tuple[str, set[str], set[str]], ...] = (
        ("classes", {*one.predictions.classes}, {*two.predictions.classes}),
        (f"{one.evaluation.unit}s that count", {*one.rows.tolist()}, {*two.rows.tolist()}),
    )
    for kind, left, right in sets:
        alone = sorted(left ^ right, key=natural_key)
        if alone:
            raise PredictionsError(
                f"{complaint}: {len(alone)} {kind} are of one of them alone, such as {some_of(alone, most=3)}; "
                f"they have {len(left):,} and {len(right):,}"
            )
    other = two.truths[_places(one, two)]
    unlike = one.truths != other
    if unlike.any():
        raise PredictionsError(f"{complaint}: their screens name {unlike.sum()} wells otherwise")


def _places(first: Judged, other: Judged) -> NDArray[np.int64]:
    """Where the rows of the first stand in the other, [N]."""
    order = np.argsort(other.rows)
    places: NDArray[np.int64] = order[np.searchsorted(other.rows, first.rows, sorter=order)]
    return places


def _gains(first: Judged, other: Judged, seed: int) -> dict[Stage, Gain]:
    places = _places(first, other)
    before, after = _hits(first), _hits(other)
    experiments = first.predictions.ids["experiment"]
    gains = {}
    for stage in (stage for stage in before if stage in after):
        difference = after[stage][places].astype(np.int64) - before[stage]
        interval = experiment_interval(difference, experiments, seed=seed)
        gains[stage] = Gain(float(difference.mean()), interval)
    return gains


def _hits(judged: Judged) -> dict[Stage, NDArray[np.bool_]]:
    """Whether each stage names each row rightly; the place past the last class stands for none."""
    names = np.array([*judged.predictions.classes, None], dtype=object)
    stages = judged.predictions.stages
    return {stage: np.asarray(names[labels] == judged.truths, dtype=bool) for stage, labels in stages.items()}
