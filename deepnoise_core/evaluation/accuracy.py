"""Accuracy by stage: how often wells are named rightly, with and without knowledge of plates."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepnoise_core.contracts.errors import PredictionsError
from deepnoise_core.contracts.predictions import UNASSIGNED, Predictions, Stage
from deepnoise_core.data.names import natural_key
from deepnoise_core.data.soundness import require_countable
from deepnoise_core.evaluation.calibration import Calibration, calibration
from deepnoise_core.evaluation.flips import Flips, flips_by_stage
from deepnoise_core.evaluation.intervals import Interval, experiment_interval
from deepnoise_core.evaluation.protocols import Protocol

BREAKDOWNS = ("cell_type", "experiment", "plate")
TOP = (1, 5)

Truth = NDArray[Any] | Mapping[str, str | None]
"""Class name of each row [N], or by `well_id`; None, an empty name or no entry where it is unknown."""


@dataclass(frozen=True)
class StageAccuracy:
    """How one stage did.

    Attributes:
        accuracy: share of wells named rightly; a well without a class is named wrongly. NaN without wells.
        balanced: mean over classes of the share of their wells named rightly. NaN without wells.
        top: k → share of wells whose class is among the k best scored; None where the stage has no scores of its
            own, as assignment has not, or where k are all classes.
        chance: accuracy of guessing among the classes that the stage's scores allow. NaN without wells.
        unassigned: wells that the stage leaves without a class.
    """

    accuracy: float
    balanced: float
    top: Mapping[int, float | None]
    chance: float
    unassigned: int


@dataclass(frozen=True)
class Evaluation:
    """Accuracy of predictions against the truth.

    Attributes:
        unit: `well` or `site`; what a row is.
        protocol: which rules were kept; figures of different protocols do not compare, and those of `custom`
            only where the wells and classes are the same.
        wells: rows that count.
        classes: number of classes K.
        chance: 1/K, the accuracy of guessing.
        unlabelled: rows left out because their truth is unknown.
        unseen_class: rows left out because their class is none of the model's.
        stages: stage → accuracy.
        by: column → value → {"wells": n, stage: accuracy}; plates are named EXPERIMENT/PLATE.
        transductive: what was used beyond each well's own images.
        notes: what a reader of the figures must know.
        intervals: stage → 95 % interval of its accuracy over experiments; empty where there is one experiment.
        flips: stage → what it changed of the stage before it.
        calibration: how far confidence can be trusted, at the temperature of the predictions; None without wells.
        uncalibrated: the same of the logits as they are; None where there is no temperature.
        part: what the model has seen of these wells: `test` is nothing, by `validation` its epoch was selected.
        screen: where they are; empty where nobody says.
        made_by: names and hashes of the model that predicted; empty where nobody says.
    """

    unit: str
    protocol: Protocol
    wells: int
    classes: int
    chance: float
    unlabelled: int
    unseen_class: int
    stages: Mapping[Stage, StageAccuracy]
    by: Mapping[str, Mapping[str, Mapping[str, float]]]
    transductive: tuple[str, ...]
    notes: tuple[str, ...] = ()
    intervals: Mapping[Stage, Interval] = field(default_factory=dict)
    flips: Mapping[Stage, Flips] = field(default_factory=dict)
    calibration: Calibration | None = None
    uncalibrated: Calibration | None = None
    part: str = ""
    screen: str = ""
    made_by: Mapping[str, str] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """All fields in JSON types; figures without a finite value are None."""
        plain: dict[str, Any] = _plain(asdict(self))
        return plain


def accuracy_by_stage(
    predictions: Predictions, truth: Truth, *, top: Sequence[int] = TOP, seed: int = 0
) -> Evaluation:
    """Compare each stage's labels with the truth.

    Args:
        predictions: N wells or sites.
        truth: their class names.
        top: the numbers k of best scored classes among which a well's own is looked for.
        seed: of the draws of experiments.

    Raises:
        PredictionsError: the truth is not of N rows, a row comes twice, or a score is not a number.
    """
    require_countable(predictions)
    names = _aligned(truth, predictions)
    index = {name: number for number, name in enumerate(predictions.classes)}
    known = np.array([name not in (None, "") for name in names], dtype=bool)
    labels = np.array([index.get(name, -1) for name in names], dtype=np.int64)
    counted = np.flatnonzero(labels >= 0)
    truths = labels[counted]
    stages = {stage: given[counted] for stage, given in predictions.stages.items()}
    hits = {stage: given == truths for stage, given in stages.items()}
    experiments, raw = _names(predictions, "experiment")[counted], predictions.unrestricted[counted]
    temperature = predictions.temperature
    intervals = {stage: experiment_interval(hit, experiments, seed=seed) for stage, hit in hits.items()}
    return Evaluation(
        unit="site" if predictions.per_site else "well",
        protocol=Protocol.CUSTOM,
        wells=len(counted),
        classes=len(predictions.classes),
        chance=1.0 / len(predictions.classes),
        unlabelled=int((~known).sum()),
        unseen_class=int((known & (labels < 0)).sum()),
        stages={
            stage: StageAccuracy(
                accuracy=_mean(hit),
                balanced=_balanced(hit, truths),
                top=_top(_scores_of(stage, predictions)[counted], truths, stage, top),
                chance=_chance(_scores_of(stage, predictions)[counted]),
                unassigned=int((stages[stage] == UNASSIGNED).sum()),
            )
            for stage, hit in hits.items()
        },
        by={column: _breakdown(_names(predictions, column)[counted], hits) for column in BREAKDOWNS},
        transductive=predictions.transductive,
        notes=predictions.notes,
        intervals={stage: interval for stage, interval in intervals.items() if interval is not None},
        flips=flips_by_stage(stages, truths),
        calibration=calibration(raw, truths, temperature) if len(truths) else None,
        uncalibrated=calibration(raw, truths) if len(truths) and temperature is not None else None,
    )


def _aligned(truth: Truth, predictions: Predictions) -> list[Any]:
    if isinstance(truth, Mapping):
        return [truth.get(well) for well in predictions.ids["well_id"].tolist()]
    if len(truth) != len(predictions):
        raise PredictionsError(f"the truth has {len(truth)} rows, but {len(predictions)} rows were predicted")
    return list(truth.tolist())


def _scores_of(stage: Stage, predictions: Predictions) -> NDArray[np.float32]:
    return predictions.unrestricted if stage is Stage.RAW else predictions.scores


def _mean(values: NDArray[Any]) -> float:
    return float(values.mean()) if len(values) else float("nan")


def _balanced(hit: NDArray[np.bool_], labels: NDArray[np.int64]) -> float:
    _, own = np.unique(labels, return_inverse=True)
    return _mean(np.bincount(own, weights=hit) / np.bincount(own))


def _top(
    scores: NDArray[np.float32], labels: NDArray[np.int64], stage: Stage, numbers: Sequence[int]
) -> dict[int, float | None]:
    """Ties go to the class that comes first, as in the best class."""
    if stage is Stage.ASSIGNED:
        return dict.fromkeys(numbers)
    classes = scores.shape[1]
    own = scores[np.arange(len(labels)), labels][:, None]
    earlier = np.arange(classes)[None, :] < labels[:, None]
    rank = ((scores > own) | ((scores == own) & earlier)).sum(axis=1)
    reached = {k: _mean((rank < k) & np.isfinite(own[:, 0])) for k in numbers}
    return {k: None if k >= classes else share for k, share in reached.items()}


def _chance(scores: NDArray[np.float32]) -> float:
    allowed = (scores > -np.inf).sum(axis=1)
    return _mean(1.0 / np.maximum(allowed, 1))


def _names(predictions: Predictions, column: str) -> NDArray[Any]:
    names = ["unknown" if name is None else str(name) for name in predictions.ids[column].tolist()]
    if column == "plate":
        experiments = predictions.ids["experiment"].tolist()
        names = [f"{experiment}/{name}" for experiment, name in zip(experiments, names, strict=True)]
    return np.array(names, dtype=np.str_)


def _breakdown(names: NDArray[Any], hits: Mapping[Stage, NDArray[np.bool_]]) -> dict[str, dict[str, float]]:
    return {
        str(name): {
            "wells": int((names == name).sum()),
            **{stage.value: _mean(hit[names == name]) for stage, hit in hits.items()},
        }
        for name in sorted(set(names.tolist()), key=natural_key)
    }


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(name): _plain(one) for name, one in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(one) for one in value]
    if isinstance(value, StrEnum):
        return value.value
    return None if isinstance(value, float) and not math.isfinite(value) else value
