"""Accuracy by stage: how often wells are named rightly, with and without knowledge of plates."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepnoise_core.contracts.errors import PredictionsError
from deepnoise_core.contracts.predictions import UNASSIGNED, Predictions, Stage
from deepnoise_core.data.names import natural_key

BREAKDOWNS = ("cell_type", "experiment", "plate")

Truth = NDArray[Any] | Mapping[str, str | None]
"""Class name of each row [N], or by `well_id`; None, an empty name or no entry where it is unknown."""


@dataclass(frozen=True)
class StageAccuracy:
    """How one stage did.

    Attributes:
        accuracy: share of wells named rightly; a well without a class is named wrongly. NaN without wells.
        balanced: mean over classes of the share of their wells named rightly. NaN without wells.
        top5: share of wells whose class is among the five best scored; None where the stage has no scores of
            its own, as assignment has not, or where five are all classes.
        chance: accuracy of guessing among the classes that the stage's scores allow. NaN without wells.
        unassigned: wells that the stage leaves without a class.
    """

    accuracy: float
    balanced: float
    top5: float | None
    chance: float
    unassigned: int


@dataclass(frozen=True)
class Evaluation:
    """Accuracy of predictions against the truth.

    Attributes:
        unit: `well` or `site`; what a row is.
        protocol: `custom`: figures compare only with others of the same split, unit and classes.
        wells: rows that count.
        classes: number of classes K.
        chance: 1/K, the accuracy of guessing.
        unlabelled: rows left out because their truth is unknown.
        unseen_class: rows left out because their class is none of the model's.
        stages: stage → accuracy.
        by: column → value → {"wells": n, stage: accuracy}; plates are named EXPERIMENT/PLATE.
        transductive: what was used beyond each well's own images.
        notes: what a reader of the figures must know.
    """

    unit: str
    protocol: str
    wells: int
    classes: int
    chance: float
    unlabelled: int
    unseen_class: int
    stages: Mapping[Stage, StageAccuracy]
    by: Mapping[str, Mapping[str, Mapping[str, float]]]
    transductive: tuple[str, ...]
    notes: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """All fields in JSON types; figures without a value are None."""
        stages = {
            stage.value: {name: _plain(value) for name, value in asdict(one).items()}
            for stage, one in self.stages.items()
        }
        lists = {"transductive": list(self.transductive), "notes": list(self.notes)}
        return {**asdict(self), "stages": stages, **lists}


def accuracy_by_stage(predictions: Predictions, truth: Truth) -> Evaluation:
    """Compare each stage's labels with the truth.

    Args:
        predictions: N wells or sites.
        truth: their class names.

    Raises:
        PredictionsError: the truth is not of N rows.
    """
    names = _aligned(truth, predictions)
    index = {name: number for number, name in enumerate(predictions.classes)}
    known = np.array([name not in (None, "") for name in names], dtype=bool)
    labels = np.array([index.get(name, -1) for name in names], dtype=np.int64)
    counted = np.flatnonzero(labels >= 0)
    truths = labels[counted]
    hits = {stage: given[counted] == truths for stage, given in predictions.stages.items()}
    return Evaluation(
        unit="site" if predictions.per_site else "well",
        protocol="custom",
        wells=len(counted),
        classes=len(predictions.classes),
        chance=1.0 / len(predictions.classes),
        unlabelled=int((~known).sum()),
        unseen_class=int((known & (labels < 0)).sum()),
        stages={
            stage: StageAccuracy(
                accuracy=_mean(hit),
                balanced=_balanced(hit, truths),
                top5=_top5(_scores_of(stage, predictions)[counted], truths, stage),
                chance=_chance(_scores_of(stage, predictions)[counted]),
                unassigned=int((predictions.stages[stage][counted] == UNASSIGNED).sum()),
            )
            for stage, hit in hits.items()
        },
        by={column: _breakdown(_names(predictions, column)[counted], hits) for column in BREAKDOWNS},
        transductive=predictions.transductive,
        notes=predictions.notes,
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


def _top5(scores: NDArray[np.float32], labels: NDArray[np.int64], stage: Stage) -> float | None:
    """Ties go to the class that comes first, as in the best class."""
    classes = scores.shape[1]
    if stage is Stage.ASSIGNED or classes <= 5:
        return None
    own = scores[np.arange(len(labels)), labels][:, None]
    earlier = np.arange(classes)[None, :] < labels[:, None]
    rank = ((scores > own) | ((scores == own) & earlier)).sum(axis=1)
    return _mean((rank < 5) & np.isfinite(own[:, 0]))


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
    return None if isinstance(value, float) and math.isnan(value) else value
