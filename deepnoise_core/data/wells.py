"""From sites to wells: the views of one well become one row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepnoise_core.contracts.errors import PredictionsError
from deepnoise_core.contracts.predictions import Predictions, Stage
from deepnoise_core.data.scores import best_class

_SITE_COLUMNS = ("site_id", "site")


def merge_sites(predictions: Predictions) -> Predictions:
    """One row a well: the mean of its sites' scores and embeddings, with the stage `raw`.

    Wells keep the order of their first sites, and may differ in their number of sites. A class that one site
    excludes is excluded for the well. Predictions of wells pass through, but for a missing `raw`.

    Raises:
        PredictionsError: the sites already carry what a plate step adds, or the sites of one well disagree
            on its experiment or plate.
    """
    if not predictions.per_site:
        return predictions if Stage.RAW in predictions.stages else with_raw(predictions)
    added = [stage.value for stage in predictions.stages if stage is not Stage.RAW] + list(predictions.facts)
    if added:
        raise PredictionsError(
            f"the sites already carry {', '.join(added)}; merge sites into wells before any plate step"
        )
    first, well = _wells(predictions.ids["well_id"])
    _check_agreement(predictions.ids, first, well)
    embeddings, raw_scores = predictions.embeddings, predictions.raw_scores
    merged = replace(
        predictions,
        ids={name: column[first] for name, column in predictions.ids.items() if name not in _SITE_COLUMNS},
        scores=_mean(predictions.scores, well),
        raw_scores=None if raw_scores is None else _mean(raw_scores, well),
        embeddings=None if embeddings is None else _mean(embeddings, well),
        stages={},
    )
    return with_raw(merged)


def joined(parts: Sequence[Predictions]) -> Predictions:
    """Predictions of the same classes one after another; all but rows are those of the first part.

    Args:
        parts: at least one, without facts.
    """
    first = parts[0]
    embeddings = [part.embeddings for part in parts if part.embeddings is not None]
    return replace(
        first,
        ids={name: np.concatenate([part.ids[name] for part in parts]) for name in first.ids},
        scores=np.concatenate([part.scores for part in parts]),
        stages={stage: np.concatenate([part.stages[stage] for part in parts]) for stage in first.stages},
        embeddings=np.concatenate(embeddings) if embeddings else None,
    )


def require_wells(predictions: Predictions, step: str) -> Predictions:
    """The same predictions with the stage `raw`, for a step that works on whole plates of wells.

    Raises:
        PredictionsError: a row is a site; names the step.
    """
    if predictions.per_site:
        raise PredictionsError(f"{step} works on wells, but these rows are sites; put site-mean before it")
    return merge_sites(predictions)


def with_raw(predictions: Predictions) -> Predictions:
    """The same predictions with the stage `raw`: the best class of the scores before any exclusion."""
    return predictions.with_stage(Stage.RAW, best_class(predictions.unrestricted))


def _wells(well_id: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """First row of each well in order of appearance [W], and the number of each row's well [N]."""
    number: dict[Any, int] = {}
    well = np.array([number.setdefault(name, len(number)) for name in well_id.tolist()], dtype=np.int64)
    first = np.full(len(number), len(well), dtype=np.int64)
    np.minimum.at(first, well, np.arange(len(well)))
    return first, well


def _mean(values: NDArray[np.float32], well: NDArray[np.int64]) -> NDArray[np.float32]:
    counts = np.bincount(well)
    if not len(counts):
        return values
    order = np.argsort(well, kind="stable")
    starts = np.cumsum(counts) - counts
    totals = np.add.reduceat(values[order], starts, axis=0, dtype=np.float64)
    mean: NDArray[np.float32] = (totals / counts[:, None]).astype(np.float32)
    return mean


def _check_agreement(ids: Mapping[str, NDArray[Any]], first: NDArray[np.int64], well: NDArray[np.int64]) -> None:
    for name in ("experiment", "plate"):
        of_first = ids[name][first][well]
        differs = np.flatnonzero(ids[name] != of_first)
        if len(differs):
            row = differs[0]
            raise PredictionsError(
                f"well_id {ids['well_id'][row]}: its sites name more than one {name}, {of_first[row]} and "
                f"{ids[name][row]}; well_id must be unique in the screen"
            )
