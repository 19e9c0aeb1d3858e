"""Embeddings as a table of numbers, with the groups that its rows belong to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepnoise_core.contracts import Level, Predictions
from deepnoise_core.contracts.errors import PredictionsError

NOISE = 1e-6
"""Share of a value below which variation is rounding: float32 carries seven digits."""

_COLUMNS: dict[Level, tuple[str, ...]] = {
    "plate": ("experiment", "plate"),
    "experiment": ("experiment",),
    "cell_type": ("cell_type",),
    "screen": (),
}


@dataclass(frozen=True)
class Groups:
    """The plates, experiments or cell types of a screen, or the screen itself.

    Attributes:
        names: how messages call each group, e.g. `plate HUVEC-01/2`.
        of_row: the group of each row, int64 [N].
    """

    names: tuple[str, ...]
    of_row: NDArray[np.int64]

    def rows(self, group: int) -> NDArray[np.int64]:
        """The rows of a group."""
        return np.flatnonzero(self.of_row == group)

    def count_wells(self, wells: NDArray[Any], rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """How many different wells these rows are, by group, [G]; sites of one well count once."""
        _, first = np.unique(wells[rows].astype(str), return_index=True)
        return np.bincount(self.of_row[rows[first]], minlength=len(self.names))


@dataclass(frozen=True)
class Profiles:
    """N embeddings in float64, sorted by the names of their wells or sites.

    Sums of floats depend on their order, so all that is computed here is computed in this one.

    Attributes:
        step: the component at work, for messages.
        predictions: where the embeddings came from, in its own order.
        order: the row of the predictions that each row here is, int64 [N].
        values: float64 [N, F].
    """

    step: str
    predictions: Predictions
    order: NDArray[np.int64]
    values: NDArray[np.float64]

    @property
    def unit(self) -> str:
        """What a row is."""
        return "site" if self.predictions.per_site else "well"

    @cached_property
    def wells(self) -> NDArray[Any]:
        """The well of each row, [N]."""
        return self.column("well_id")

    def column(self, name: str) -> NDArray[Any]:
        """A column of ids in this order, [N]."""
        return self.predictions.ids[name][self.order]

    def groups(self, level: Level) -> Groups:
        """The rows by plate of their experiment, by experiment, by cell type, or all together."""
        columns = [self.column(name).astype(str).tolist() for name in _COLUMNS[level]]
        keys = list(zip(*columns, strict=True)) if columns else [()] * len(self.values)
        number = {key: index for index, key in enumerate(dict.fromkeys(keys))}
        word = level.replace("_", " ")
        names = tuple(f"{word} {'/'.join(key)}" if key else "the screen" for key in number)
        return Groups(names, np.array([number[key] for key in keys], dtype=np.int64))

    def replaced(self, values: NDArray[np.float64], uses: str, notes: Iterable[str]) -> Predictions:
        """The predictions with these embeddings, float32 and in their own order, and what was used for them."""
        embeddings = np.empty(values.shape, dtype=np.float32)
        embeddings[self.order] = values
        return replace(
            self.predictions,
            embeddings=embeddings,
            transductive=tuple(dict.fromkeys((*self.predictions.transductive, uses))),
            notes=(*self.predictions.notes, *(f"{self.step}: {note}" for note in notes)),
        )


def open_profiles(predictions: Predictions, step: str) -> Profiles:
    """The embeddings of predictions that have rows.

    Raises:
        PredictionsError: there are none, or one holds NaN or infinity; names the step and the row.
    """
    if predictions.embeddings is None:
        raise PredictionsError(
            f"{step} changes embeddings, but these predictions hold none; `deepnoise predict` makes them, and "
            "keeps them in embeddings.parquet"
        )
    names = predictions.ids["site_id" if predictions.per_site else "well_id"]
    order = np.argsort(names.astype(str), kind="stable")
    profiles = Profiles(step, predictions, order, predictions.embeddings[order].astype(np.float64))
    faulty = np.argwhere(~np.isfinite(profiles.values))
    if len(faulty):
        row, feature = faulty[0]
        raise PredictionsError(
            f"{step}: the embedding of {profiles.unit} {names[order[row]]} holds "
            f"{profiles.values[row, feature]} as feature {feature + 1}; look at its images, or predict with "
            "train.precision fp32"
        )
    return profiles


def role_counts(profiles: Profiles) -> str:
    """How many rows have each role, as in `30 treatment, 2 untreated`."""
    counts = Counter(profiles.column("role").astype(str).tolist())
    return ", ".join(f"{count} {role}" for role, count in sorted(counts.items()))
