"""Scoring by prototypes: how near an embedding lies to the mean of each class in all other experiments.

A classifier without training, by which embeddings of any origin compare. No label of an experiment takes part in
the scores of its own rows.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from deepnoise_core.contracts.errors import PredictionsError
from deepnoise_core.contracts.predictions import PlateDesign, Predictions
from deepnoise_core.data.names import some_of
from deepnoise_core.data.plates import discover_design

SCALE = 30.0
"""Logits are cosines times this, as margin heads commonly have it: their softmax is neither flat nor certain."""


def leave_one_out(
    embeddings: NDArray[np.floating[Any]],
    labels: NDArray[np.int64],
    units: NDArray[Any],
    num_classes: int,
) -> NDArray[np.float32]:
    """Cosine of each row with the mean embedding of each class over the rows of all other units.

    Args:
        embeddings: [N, F], finite.
        labels: class index, int64 [N]; negative for rows that are part of no mean.
        units: what is left out together, such as the experiment, [N].
        num_classes: number of classes K.

    Returns:
        float32 [N, K]; -inf where no other unit has a row of the class, 0 where one of the two is a zero vector.
    """
    values = np.asarray(embeddings, dtype=np.float64)
    directions = _of_unit_length(values)
    scores = np.empty((len(values), num_classes), dtype=np.float32)
    names, unit = np.unique(units.astype(str), return_inverse=True)
    for number in range(len(names)):
        others = np.flatnonzero((unit != number) & (labels >= 0))
        member = csr_array(
            (np.ones(len(others)), (labels[others], np.arange(len(others)))), shape=(num_classes, len(others))
        )
        counts = np.bincount(labels[others], minlength=num_classes)
        means = member @ values[others] / np.maximum(counts, 1)[:, None]
        own = np.flatnonzero(unit == number)
        cosines = directions[own] @ _of_unit_length(means).T
        scores[own] = np.where(counts > 0, cosines, -np.inf)
    return scores


def score_by_prototypes(
    predictions: Predictions,
    classes: tuple[str, ...],
    labels: NDArray[np.int64],
    units: NDArray[Any],
    scored: NDArray[np.bool_],
) -> Predictions:
    """Embeddings as predictions: logits are cosines times `SCALE`, and every row is one of the part `test`.

    Args:
        predictions: N sites or wells with embeddings; whatever they predict is dropped.
        classes: their names.
        labels: class index of each row, negative where unknown, int64 [N].
        units: what is left out together, [N].
        scored: whether a row is named at all, as controls are not, bool [N].

    Raises:
        PredictionsError: there are no embeddings, or one unit alone has labels.
    """
    if predictions.embeddings is None:
        raise PredictionsError("there are no embeddings to score")
    labelled = np.unique(units[labels >= 0].astype(str))
    if len(labelled) < 2:
        raise PredictionsError(
            f"labels are given in {len(labelled)} of what is left out ({some_of(labelled.tolist())}), but one is "
            "scored by the others; add experiments, or leave out a smaller unit, such as plate"
        )
    scores = SCALE * leave_one_out(predictions.embeddings, labels, units, len(classes))
    scores[~scored] = -np.inf
    return replace(
        predictions,
        ids={**predictions.ids, "part": np.full(len(scores), "test", dtype=object)},
        classes=classes,
        scores=scores,
        raw_scores=None,
        stages={},
        notes=(*predictions.notes, *_notes(classes, labels, units)),
    )


def design_of_others(
    labels: NDArray[np.int64],
    experiment: NDArray[Any],
    plate: NDArray[Any],
    units: NDArray[Any],
    num_classes: int,
) -> PlateDesign | None:
    """The plate design that the labels show whichever unit is left out; None where that matters.

    Args:
        labels: class index of each well, negative where unknown, int64 [W].
        experiment: of each well, [W].
        plate: of each well, [W].
        units: what is left out together, [W].
        num_classes: number of classes K.
    """
    names = units.astype(str)

    def designs() -> Iterable[PlateDesign]:
        for name in np.unique(names):
            kept = names != name
            yield discover_design(labels[kept], experiment[kept], plate[kept], num_classes)

    found = set(designs())
    return found.pop() if len(found) == 1 else None


def _of_unit_length(values: NDArray[np.float64]) -> NDArray[np.float64]:
    length = np.linalg.norm(values, axis=1, keepdims=True)
    return values / np.where(length > 0, length, 1.0)


def _notes(classes: tuple[str, ...], labels: NDArray[np.int64], units: NDArray[Any]) -> list[str]:
    known = labels >= 0
    pairs = {*zip(labels[known].tolist(), units[known].astype(str).tolist(), strict=True)}
    counts = np.bincount([label for label, _ in pairs], minlength=len(classes))
    notes = ["each experiment, or what is left out instead, is scored by the class means of all others"]
    if (counts == 1).any():
        notes.append(
            f"{(counts == 1).sum()} of {len(classes)} classes have labels in one of them alone, and no mean there"
        )
    return notes
