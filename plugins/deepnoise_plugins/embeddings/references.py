"""Which reference wells each row is measured by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from deepnoise_core.contracts import Level, ReferenceWells
from deepnoise_core.contracts.errors import PredictionsError
from deepnoise_core.data.names import some_of
from deepnoise_core.data.statistics.levels import REFERENCE_ROLES
from deepnoise_plugins.embeddings.profiles import Groups, Profiles, role_counts

_LEVELS: tuple[Level, ...] = get_args(Level)


@dataclass(frozen=True)
class Block:
    """Rows that are measured by the same reference.

    Attributes:
        rows: int64 [n].
        reference: rows of the reference, int64 [m].
    """

    rows: NDArray[np.int64]
    reference: NDArray[np.int64]


def reference_rows(profiles: Profiles, reference: ReferenceWells) -> NDArray[np.int64]:
    """Rows of the wells that show what is technical.

    Raises:
        PredictionsError: there is none; says which roles there are.
    """
    roles = [role.value for role in REFERENCE_ROLES[reference]]
    rows = np.flatnonzero(np.isin(profiles.column("role").astype(str), roles))
    if not len(rows):
        raise PredictionsError(
            f"{profiles.step} measures by {_said(reference)}, but the {len(profiles.values)} predicted "
            f"{profiles.unit}s are {role_counts(profiles)}: data.roles of the recipe must include "
            f"{' or '.join(roles)}, or the option reference must be all"
        )
    return rows


def blocks(
    profiles: Profiles, reference: ReferenceWells, level: Level, minimum: int, *, wider: bool = False
) -> tuple[list[Block], list[str]]:
    """Each group with its reference wells, and a note for each group that had to look further.

    Args:
        profiles: N rows.
        reference: wells to measure by.
        level: how wide to look for them.
        minimum: fewest wells that are enough.
        wider: whether a group with fewer looks at the next wider level that has enough.

    Raises:
        PredictionsError: a group has fewer reference wells than the minimum; says which, how many each has
            and what can be done.
    """
    chosen = reference_rows(profiles, reference)
    own = profiles.groups(level)
    pending = np.ones(len(profiles.values), dtype=bool)
    found: list[Block] = []
    notes: list[str] = []
    for each in _LEVELS[_LEVELS.index(level) :] if wider else (level,):
        groups = profiles.groups(each)
        counts = groups.count_wells(profiles.wells, chosen)
        for group in np.unique(groups.of_row[pending]):
            if counts[group] < minimum:
                continue
            rows = np.flatnonzero(pending & (groups.of_row == group))
            found.append(Block(rows, chosen[groups.of_row[chosen] == group]))
            pending[rows] = False
            if each != level:
                notes += _wider(own, rows, f"{counts[group]} {_said(reference)} of {groups.names[group]}")
    if pending.any():
        raise PredictionsError(_too_few(profiles, groups, counts, pending, reference, minimum))
    return found, notes


def used(reference: ReferenceWells, level: Level) -> str:
    """What a correction uses beyond each row, for `Predictions.transductive`."""
    by = "" if level == "screen" else f" by {level.replace('_', ' ')}"
    return f"embeddings of {_said(reference)}{by}"


def _wider(own: Groups, rows: NDArray[np.int64], instead: str) -> list[str]:
    names = [own.names[group] for group in np.unique(own.of_row[rows])]
    return [f"{name} has too few reference wells, so the {instead} are used" for name in names]


def _too_few(
    profiles: Profiles,
    groups: Groups,
    counts: NDArray[np.int64],
    pending: NDArray[np.bool_],
    reference: ReferenceWells,
    minimum: int,
) -> str:
    short = [f"{groups.names[group]}: {counts[group]}" for group in np.unique(groups.of_row[pending])]
    return (
        f"{profiles.step} needs {minimum} {_said(reference)} in each group, but {len(short)} of "
        f"{len(groups.names)} have fewer ({some_of(short)}); choose wider groups, a wider reference or a smaller "
        "minimum"
    )


def _said(reference: ReferenceWells) -> str:
    return {"negative_controls": "negative controls", "controls": "controls", "all": "all wells"}[reference]
