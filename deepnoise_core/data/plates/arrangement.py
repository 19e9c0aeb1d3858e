"""Which plate of an experiment holds which class group, estimated from scores alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from deepnoise_core.contracts.errors import AssignmentError
from deepnoise_core.data.scores import log_probabilities

Arrangements = Literal["cyclic", "all"] | Sequence[Sequence[int]]
"""Allowed maps from the plates of an experiment, in natural order, to numbers of groups.

`cyclic`: plate i holds group (i + r) mod G for one r. `all`: plates hold different groups, in any order. A
list: one of these. With fewer plates than groups it is not known which are missing: `cyclic` then allows all
injective maps, and a list all its ordered parts. With more, `cyclic` goes on turning and `all` uses each
group equally often, as far as that goes.
"""


@dataclass(frozen=True)
class ArrangementEstimate:
    """The best arrangement and how far it leads.

    Attributes:
        groups: number of the group of each plate, [P]; None where the margin is below the threshold.
        margin: (best - runner-up) probability mass a well; inf where only one arrangement is allowed.
    """

    groups: tuple[int, ...] | None
    margin: float


def group_mass(scores: NDArray[np.floating[Any]], groups: Sequence[frozenset[int]]) -> NDArray[np.float64]:
    """Probability mass that the wells of one plate [n, K] put on each group, float64 [G]."""
    mass = np.exp(log_probabilities(scores)).sum(axis=0)
    return np.array([mass[sorted(group)].sum() for group in groups])


def estimate_arrangement(
    mass: NDArray[np.float64],
    wells: int,
    arrangements: Arrangements = "cyclic",
    threshold: float = 0.001,
    *,
    place: str = "the experiment",
) -> ArrangementEstimate:
    """The arrangement of one experiment that gathers most probability mass.

    Args:
        mass: `group_mass` of each plate in natural order, [P, G].
        wells: wells of the experiment.
        arrangements: the maps to choose from.
        threshold: smallest margin a well that is believed.
        place: name of the experiment, for messages.

    Raises:
        AssignmentError: a listed arrangement is too short or names no group, or a word is not known.
    """
    if isinstance(arrangements, str) and arrangements not in {"cyclic", "all"}:
        raise AssignmentError(f"arrangements must be cyclic, all or a list, not {arrangements!r}")
    plates, groups = mass.shape
    if arrangements == "all" or (arrangements == "cyclic" and plates < groups):
        best, lead = _best_injective(mass)
    else:
        best, lead = _best_listed(mass, _candidates(arrangements, plates, groups, place))
    margin = lead / max(wells, 1)
    return ArrangementEstimate(best if margin >= threshold else None, margin)


def _candidates(arrangements: Arrangements, plates: int, groups: int, place: str) -> NDArray[np.int64]:
    """Allowed maps, int64 [A, P], without repetition."""
    if isinstance(arrangements, str):
        return (np.arange(groups)[:, None] + np.arange(plates)[None, :]) % groups
    parts: dict[tuple[int, ...], None] = {}
    for arrangement in arrangements:
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


def _best_listed(mass: NDArray[np.float64], candidates: NDArray[np.int64]) -> tuple[tuple[int, ...], float]:
    totals = mass[np.arange(len(mass)), candidates].sum(axis=1)
    best = int(totals.argmax())
    runner_up = np.delete(totals, best).max(initial=-np.inf)
    return tuple(candidates[best].tolist()), float(totals[best] - runner_up)


def _best_injective(mass: NDArray[np.float64]) -> tuple[tuple[int, ...], float]:
    plates, groups = mass.shape
    slots = np.tile(np.arange(groups), -(-plates // groups))
    best, total = _solve(mass, slots)
    runner_up = -np.inf
    for plate, group in enumerate(best):
        without = mass.copy()
        without[plate, group] = -np.inf
        if groups > 1:
            runner_up = max(runner_up, _solve(without, slots)[1])
    return best, total - runner_up


def _solve(mass: NDArray[np.float64], slots: NDArray[np.int64]) -> tuple[tuple[int, ...], float]:
    gains = mass[:, slots]
    rows, columns = linear_sum_assignment(gains, maximize=True)
    return tuple(slots[columns].tolist()), float(gains[rows, columns].sum())
