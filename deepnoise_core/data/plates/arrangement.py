"""Which plate of an experiment holds which class group, estimated from scores alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from scipy.special import ndtri, stdtr

from deepnoise_core.contracts.errors import AssignmentError
from deepnoise_core.data.plates.evidence import PlateEvidence

Arrangements = Literal["cyclic", "all"] | Sequence[Sequence[int]]
"""Allowed maps from the plates of an experiment, in natural order, to numbers of groups.

`cyclic`: plate i holds group (i + r) mod G for one r. `all`: plates hold different groups, in any order. A
list: one of these. With fewer plates than groups it is not known which are missing: `cyclic` then allows all
injective maps, and a list all its ordered parts. With more, `cyclic` goes on turning and `all` uses each
group equally often, as far as that goes.
"""

THRESHOLD = 3.0
"""Smallest believed lead of an arrangement, in standard errors.

Scores that say nothing reach it in 0.1 % of experiments of two plates, as chance has it, more rarely with more
groups. Noise that classes share makes them depend on each other: docs/assignment.md has the table.
"""

_LEAST_SPREAD = 1e-3
"""Classes that all lead by as much, as those of a network that sees nothing do, are not without error."""


_Map = tuple[int, ...]


@dataclass(frozen=True)
class ArrangementEstimate:
    """The best arrangement and how far it leads.

    Attributes:
        groups: number of the group of each plate, [P]; None where the lead is not believed.
        margin: (best - runner-up) evidence a well; inf where only one arrangement is allowed.
        certainty: the lead of classes in standard errors over classes, made normal where these are few; 0 where
            it has none, as of a single class. Classes are what plate and network bend, each in its own way: over
            wells, which share that, a lead would seem surer than it is.
    """

    groups: tuple[int, ...] | None
    margin: float
    certainty: float


def estimate_arrangement(
    evidence: Sequence[PlateEvidence],
    arrangements: Arrangements = "cyclic",
    threshold: float = THRESHOLD,
    *,
    place: str = "the experiment",
) -> ArrangementEstimate:
    """The arrangement of one experiment that gathers most evidence.

    Args:
        evidence: of each plate, in natural order.
        arrangements: the maps to choose from.
        threshold: smallest certainty that is believed.
        place: name of the experiment, for messages.

    Raises:
        AssignmentError: a listed arrangement is too short or names no group, or a word is not known.
    """
    if isinstance(arrangements, str) and arrangements not in {"cyclic", "all"}:
        raise AssignmentError(f"arrangements must be cyclic, all or a list, not {arrangements!r}")
    if not threshold >= 0:
        raise AssignmentError(f"the threshold must be a number of standard errors, 0 or more, not {threshold}")
    totals = np.stack([plate.groups for plate in evidence])
    plates, groups = totals.shape
    if arrangements == "all" or (arrangements == "cyclic" and plates < groups):
        best, second = _best_injective(totals)
    else:
        best, second = _best_listed(totals, _candidates(arrangements, plates, groups, place))
    if second is None:
        return ArrangementEstimate(best, np.inf, np.inf)
    wells = sum(plate.wells for plate in evidence)
    lead = sum(
        plate.groups[one] - plate.groups[other] for plate, one, other in zip(evidence, best, second, strict=True)
    )
    certainty = _certainty(_class_leads(evidence, best, second), wells)
    return ArrangementEstimate(best if certainty >= threshold else None, float(lead) / max(wells, 1), certainty)


def _class_leads(evidence: Sequence[PlateEvidence], best: _Map, second: _Map) -> NDArray[np.float64]:
    """How many more wells each class is expected to have on its plates of one map than on those of another.

    Classes that both put on the same plates are left out.
    """
    leads = []
    for group in range(len(evidence[0].classes)):
        sides = [
            (plate.classes[group], (one == group) - (other == group))
            for plate, one, other in zip(evidence, best, second, strict=True)
        ]
        if any(sign for _, sign in sides):
            leads.append(np.sum([sign * own for own, sign in sides], axis=0))
    return np.concatenate(leads)


def _certainty(leads: NDArray[np.float64], wells: int) -> float:
    """How many standard errors the sum of these is above 0, as the normal quantile of Student's t."""
    count, total = len(leads), float(leads.sum())
    if count < 2 or total <= 0:
        return 0.0
    least = _LEAST_SPREAD * wells / count
    error = np.sqrt(count * max(float(leads.var(ddof=1)), least**2))
    return float(-ndtri(stdtr(count - 1, -total / error)))


def _candidates(arrangements: Arrangements, plates: int, groups: int, place: str) -> NDArray[np.int64]:
    """Allowed maps, int64 [A, P], without repetition."""
    if isinstance(arrangements, str):
        return (np.arange(groups)[:, None] + np.arange(plates)[None, :]) % groups
    parts: dict[tuple[int, ...], None] = {}
    for arrangement in arrangements:
        if not isinstance(arrangement, Sequence):
            raise AssignmentError(f"each arrangement must be a list of numbers of groups, not {arrangement!r}")
        if any(not 0 <= group < groups for group in arrangement):
            raise AssignmentError(
                f"arrangement {tuple(arrangement)} must name groups by their numbers, 0 to {groups - 1}"
            )
        parts.update(dict.fromkeys(combinations(arrangement, plates)))
    if not parts:
        raise AssignmentError(
            f"{place} has {plates} plates, more than any listed arrangement covers; list longer arrangements"
        )
    return np.array(list(parts), dtype=np.int64)


def _best_listed(totals: NDArray[np.float64], candidates: NDArray[np.int64]) -> tuple[_Map, _Map | None]:
    """The best map and the next, if there is one."""
    gains = totals[np.arange(len(totals)), candidates].sum(axis=1)
    order = np.argsort(-gains, kind="stable")[:2]
    maps = [tuple(candidates[one].tolist()) for one in order]
    return maps[0], maps[1] if len(maps) > 1 else None


def _best_injective(totals: NDArray[np.float64]) -> tuple[_Map, _Map | None]:
    plates, groups = totals.shape
    slots = np.tile(np.arange(groups), -(-plates // groups))
    best, _ = _solve(totals, slots)
    if groups == 1:
        return best, None
    others = []
    for plate, group in enumerate(best):
        without = totals.copy()
        without[plate, group] = -np.inf
        others.append(_solve(without, slots))
    return best, max(others, key=lambda other: other[1])[0]


def _solve(gains: NDArray[np.float64], slots: NDArray[np.int64]) -> tuple[_Map, float]:
    rows, columns = linear_sum_assignment(gains[:, slots], maximize=True)
    return tuple(slots[columns].tolist()), float(gains[rows, slots[columns]].sum())
