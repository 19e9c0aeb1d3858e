"""Wells as the plate maps show them: plain columns, and the kind of each well by every way of colouring."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepnoise.reports.palette import NOTHING, Kind, steps_of, top_of
from deepnoise_core.contracts import ID_COLUMNS, Predictions
from deepnoise_core.contracts.predictions import UNASSIGNED
from deepnoise_core.data.scores import confidence

RIGHT, WRONG = Kind("right", "named rightly"), Kind("wrong", "named wrongly", "cross")
KEPT, CHANGED = Kind("pale", "label kept"), Kind("other", "label changed", "dot")
MENDED, SPOILT = (
    Kind("right", "wrong before, right now", "dot"),
    Kind("wrong", "right before, wrong now", "cross"),
)
STILL_WRONG = Kind("other", "another label, wrong both times", "dot")


@dataclass(frozen=True)
class Wells:
    """N wells in the order of the predictions.

    Attributes:
        ids: experiment, plate, well, well_id, cell_type, role and part, [N] each.
        classes: names of the classes.
        labels: stage → class index, `UNASSIGNED` where the stage gives none, [N].
        truth: class index, `UNASSIGNED` where unknown or none of the classes, [N].
        sure: confidence of the raw label from 0 to 1, [N]; NaN where a well is predicted no class.
        facts: what post-processors say of each well, as text, [N] each.
    """

    ids: Mapping[str, NDArray[Any]]
    classes: Sequence[str]
    labels: Mapping[str, NDArray[np.int64]]
    truth: NDArray[np.int64]
    sure: NDArray[np.float64]
    facts: Mapping[str, list[str]]

    def __len__(self) -> int:
        return len(self.sure)

    @property
    def known(self) -> NDArray[np.bool_]:
        """Whether each well's truth is one of the classes, [N]."""
        return np.asarray(self.truth != UNASSIGNED)

    @property
    def judged(self) -> NDArray[np.bool_]:
        """Whether each well counts as one that the model was not trained on, and whose truth is known, [N].

        Held-out wells; those that chose the epoch where the truth of no held-out well is known.
        """
        named = self.known & np.isfinite(self.sure)
        held_out = named & (self.ids["part"] == "test")
        return held_out if held_out.any() else np.asarray(named & (self.ids["part"] == "validation"))

    @property
    def last(self) -> str:
        """The last stage."""
        return list(self.labels)[-1]

    def place(self, well: int) -> str:
        """Where a well lies: `experiment/plate well`."""
        return "{}/{} {}".format(*(self.ids[name][well] for name in ("experiment", "plate", "well")))


def wells_of(predictions: Predictions, truth: NDArray[Any] | None) -> Wells:
    """The wells of predictions, with the true class names where they are known."""
    index = {name: number for number, name in enumerate(predictions.classes)}
    names: list[Any] = [None] * len(predictions) if truth is None else truth.tolist()
    named = predictions.unrestricted.max(axis=1, initial=-np.inf) > -np.inf
    part = predictions.ids.get("part", np.full(len(predictions), "test"))
    return Wells(
        ids={name: predictions.ids[name] for name in ID_COLUMNS} | {"part": part},
        classes=predictions.classes,
        labels={stage.value: labels for stage, labels in predictions.stages.items()},
        truth=np.array([index.get(name, UNASSIGNED) for name in names], dtype=np.int64),
        sure=np.where(named, confidence(predictions), np.nan),
        facts={
            name.replace("_", " "): [_text(value) for value in column.tolist()]
            for name, column in predictions.facts.items()
        },
    )


def confidence_codes(wells: Wells) -> list[str]:
    """The class of each well's cell by its confidence."""
    steps = steps_of(np.nan_to_num(wells.sure), top_of(wells.sure))
    return [NOTHING.code if np.isnan(sure) else f"v{step}" for sure, step in zip(wells.sure, steps, strict=True)]


def correctness(wells: Wells) -> list[Kind]:
    """Whether the last stage names each well rightly."""
    right = wells.labels[wells.last] == wells.truth
    return [
        (RIGHT if hit else WRONG) if known else NOTHING for hit, known in zip(right, wells.known, strict=True)
    ]


def flips(wells: Wells) -> list[Kind]:
    """What the later stages made of the first stage's label."""
    first, last = wells.labels[next(iter(wells.labels))], wells.labels[wells.last]
    columns = zip(first, last, wells.truth, np.isnan(wells.sure), strict=True)
    return [NOTHING if unnamed else _flip(old, new, truth) for old, new, truth, unnamed in columns]


def _flip(old: int, new: int, truth: int) -> Kind:
    if old == new:
        return KEPT
    if truth == UNASSIGNED:
        return CHANGED
    if new == truth:
        return MENDED
    return SPOILT if old == truth else STILL_WRONG


def in_need_of_a_look(wells: Wells) -> NDArray[np.int64]:
    """Wells in the order in which a person should look at them, int64 [N].

    Held-out wells first; among them those that the last stage names wrongly or that changed their label, then the
    least sure ones; wells that are predicted no class at the end.
    """
    kinds = [own.mark != "" for own in (correctness(wells) if wells.known.any() else flips(wells))]
    flipped = [kind.mark != "" for kind in flips(wells)]
    marked = np.array(kinds, dtype=bool) | np.array(flipped, dtype=bool)
    unseen = wells.ids["part"] == "test"
    keys = (np.nan_to_num(wells.sure), ~marked, np.isnan(wells.sure), ~unseen)
    return np.lexsort(keys)


def _text(value: Any) -> str:
    if isinstance(value, int) and value == UNASSIGNED:
        return "not known"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
