"""Soundness: whether predictions are what they say they are, so that no figure is made of anything else."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from deepnoise_core.contracts.errors import PredictionsError
from deepnoise_core.contracts.predictions import ID_COLUMNS, UNASSIGNED, Predictions
from deepnoise_core.data.names import some_of


def require_sound(predictions: Predictions) -> None:
    """Refuse predictions whose arrays do not fit each other, or whose rows do not count.

    Raises:
        PredictionsError: an id column is missing, an array is of another shape or type, a label is no class, two
            classes have one name, or as of `require_countable`.
    """
    fault = next(_faults(predictions), None)
    if fault:
        raise PredictionsError(f"{fault}; predict again")
    require_countable(predictions)


def require_countable(predictions: Predictions) -> None:
    """Refuse what would be counted twice, or compared with nothing.

    Raises:
        PredictionsError: a row is of a well (or site) that has one already, or a score is NaN or infinitely high.
    """
    unit = "site" if predictions.per_site else "well"
    ids = predictions.ids[f"{unit}_id"]
    _, first = np.unique(ids.astype(str), return_index=True)
    twice = np.delete(ids, first)
    if len(twice):
        raise PredictionsError(
            f"{len(twice)} rows are of a {unit} that has one already, such as {some_of(twice.tolist(), most=1)}; "
            "keep one row of each"
        )
    tables = (predictions.unrestricted, predictions.scores)
    bad = np.any([~(table.max(axis=1, initial=-np.inf) < np.inf) for table in tables], axis=0)
    if bad.any():
        raise PredictionsError(
            f"the scores of {bad.sum()} of the {len(predictions)} rows are NaN or infinite, such as those of "
            f"{some_of(ids[bad].tolist(), most=1)}; predict again, with a network whose loss is a number"
        )


def _faults(predictions: Predictions) -> Iterator[str]:
    rows, classes = len(predictions), len(predictions.classes)
    lacking = [name for name in ID_COLUMNS if name not in predictions.ids]
    if lacking:
        yield f"there is no column {some_of(lacking)}"
    if len(set(predictions.classes)) < classes:
        yield "two classes have one name"
    for name, table in (("scores", predictions.scores), ("raw_scores", predictions.raw_scores)):
        if table is not None and (table.dtype != np.float32 or table.shape != (rows, classes)):
            yield f"{name} are {table.dtype} {table.shape}, not float32 {(rows, classes)}"
    if not predictions.stages:
        yield "no class is named at any stage"
    for stage, labels in predictions.stages.items():
        if labels.dtype != np.int64 or labels.shape != (rows,):
            yield f"labels of the stage {stage.value} are {labels.dtype} {labels.shape}, not int64 {(rows,)}"
        strange = labels[(labels < UNASSIGNED) | (labels >= classes)]
        if len(strange):
            yield f"the stage {stage.value} names the class {strange[0]}, where there are {classes}"
    embeddings = predictions.embeddings
    if embeddings is not None and len(embeddings) != rows:
        yield f"there are {len(embeddings)} embeddings of {rows} rows"
