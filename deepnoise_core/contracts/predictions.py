"""Predictions of sites or wells, and what is known of a screen's plates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray


class Stage(StrEnum):
    """How much plate knowledge a predicted label uses; stages are always reported apart."""

    RAW = "raw"
    GROUP = "group"
    ASSIGNED = "assigned"


UNASSIGNED = -1
"""Class index of a well that an assignment left without a class."""

ID_COLUMNS = ("experiment", "plate", "well", "well_id", "cell_type", "role")
"""Identity of a row of `Predictions`; site-level predictions have `site_id` and `site` too."""


@dataclass(frozen=True)
class Predictions:
    """Scores of N sites or wells over K classes. Holds no true label.

    Attributes:
        ids: column name → array [N]; at least `ID_COLUMNS`.
        classes: name of each class, K of them.
        scores: float32 [N, K]; logits or log-probabilities, -inf where a class is excluded. A row
            that excludes all of them is named nothing, as controls are by models of treatments.
        stages: stage → predicted class index, int64 [N]; `UNASSIGNED` where a stage gives none.
        embeddings: float32 [N, F], or None.
        transductive: what was used beyond each row's own image, e.g. `plate group`.
        notes: one line for each thing a reader of the result must know.
        facts: columns that post-processors add about each row, e.g. `arrangement`, [N].
        raw_scores: the scores before any class was excluded, float32 [N, K]; None where `scores` are those.
        temperature: what wells' logits are divided by before a probability is read from them, as fitted on
            validation wells; None where nothing was fitted. `scores` are never divided.
    """

    ids: Mapping[str, NDArray[Any]]
    classes: tuple[str, ...]
    scores: NDArray[np.float32]
    stages: Mapping[Stage, NDArray[np.int64]] = field(default_factory=dict)
    embeddings: NDArray[np.float32] | None = None
    transductive: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    facts: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    raw_scores: NDArray[np.float32] | None = None
    temperature: float | None = None

    def __len__(self) -> int:
        return len(self.scores)

    @property
    def per_site(self) -> bool:
        """Whether a row is a site rather than a well."""
        return "site_id" in self.ids

    @property
    def unrestricted(self) -> NDArray[np.float32]:
        """The scores before any class was excluded, [N, K]."""
        return self.scores if self.raw_scores is None else self.raw_scores

    def take(self, rows: ArrayLike) -> Predictions:
        """The predictions of these rows alone, in this order."""
        index = np.asarray(rows, dtype=np.int64)
        return replace(
            self,
            ids={name: column[index] for name, column in self.ids.items()},
            scores=self.scores[index],
            raw_scores=None if self.raw_scores is None else self.raw_scores[index],
            stages={stage: labels[index] for stage, labels in self.stages.items()},
            embeddings=None if self.embeddings is None else self.embeddings[index],
            facts={name: column[index] for name, column in self.facts.items()},
        )

    def with_stage(self, stage: Stage, labels: NDArray[np.int64], **changes: Any) -> Predictions:
        """A copy with the labels of one more stage, and any other fields changed."""
        return replace(self, stages={**self.stages, stage: labels}, **changes)


@dataclass(frozen=True)
class PlateDesign:
    """What the labelled training plates and the recipe tell about every plate of the screen.

    Attributes:
        groups: disjoint sets of class indices, one of which a plate holds; empty where plates show none.
        exclusive: whether each class occurred at most once on every labelled plate.
        cyclic: whether every experiment holds the groups in the order of `groups`, up to a rotation.
        capacity: how often each class may come on a plate, one number a class; empty where nobody says.
        sets: what the screen calls each group; empty where groups were found from labels.
        known: experiment → plate → number of its group, or -1 where it holds none of them; empty where the
            screen does not tell.
        roles: roles of the wells that are bound by all this; all wells that are predicted where empty.
    """

    groups: tuple[frozenset[int], ...] = ()
    exclusive: bool = False
    cyclic: bool = True
    capacity: tuple[int, ...] = ()
    sets: tuple[str, ...] = ()
    known: Mapping[str, Mapping[str, int]] = field(default_factory=dict, hash=False)
    roles: tuple[str, ...] = ()

    @property
    def limit(self) -> int | tuple[int, ...] | None:
        """How often a class may come on a plate: one number, one a class, or None where it is not known."""
        return self.capacity or (1 if self.exclusive else None)

    def binds(self, roles: NDArray[Any]) -> NDArray[np.bool_]:
        """Whether wells of these roles keep to the design, bool [N]."""
        return np.isin(roles.astype(str), self.roles) if self.roles else np.ones(len(roles), dtype=bool)
