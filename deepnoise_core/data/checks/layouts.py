"""Experiments whose wells hold the same as those of another: there, position tells what a well received.

Both a model that is given the position of a well and one that sees it (uneven edges, gradients) can then name
perturbations without having learned anything of cells.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.sparse import coo_array

from deepnoise_core.contracts.screens import Role
from deepnoise_core.data.checks.finding import Finding, Severity
from deepnoise_core.data.names import natural_key
from deepnoise_core.data.plates.layout import plates_of

SMALLEST_SHARE = 0.8
"""Share of equal wells from which two layouts count as one.

In RxRx1, HUVEC-07, HUVEC-18 and RPE-03 agree on every labelled well. Of all other pairs of experiments, none
agrees on more than 1.0 % of its labelled treatments or 11 % of its positive controls."""

FEWEST_WELLS = 20
"""Wells that two experiments must have in common to be compared."""

_MOST_NAMED = 3


@dataclass(frozen=True)
class Match:
    """How much two experiments agree, at the shift of plates at which they agree most.

    Attributes:
        role: of the wells compared.
        share: of the compared wells, how many hold the same.
        wells: compared wells.
        shifts: shifts of plates with this agreement: the p-th plate of one is the (p + shift)-th of the other.
        plates: plates of each experiment.
    """

    role: Role
    share: float
    wells: int
    shifts: tuple[int, ...]
    plates: int

    def __str__(self) -> str:
        kind = self.role.value.replace("_", " ")
        where = f"its plate p is plate p + {self.shifts[0]} there, counted in a circle"
        if len(self.shifts) == self.plates:
            where = "whatever the plate"
        elif self.shifts[0] == 0:
            where = "plate by plate"
        return f"{100 * self.share:.1f} % of {self.wells:,} {kind} wells hold the same, {where}"


def check_layouts(sites: pl.DataFrame) -> list[Finding]:
    """One finding for each experiment whose layout is another's, up to a cyclic shift of its plates."""
    shared: dict[str, dict[str, list[Match]]] = {}
    for role in (Role.TREATMENT, Role.POSITIVE_CONTROL):
        for (one, other), match in _matches(sites, role).items():
            shared.setdefault(one, {}).setdefault(other, []).append(match)
            mirrored = tuple(sorted(-shift % match.plates for shift in match.shifts))
            back = Match(role, match.share, match.wells, mirrored, match.plates)
            shared.setdefault(other, {}).setdefault(one, []).append(back)
    return [
        Finding("layout", Severity.WARNING, _message(shared[name]), name)
        for name in sorted(shared, key=natural_key)
    ]


def _message(partners: dict[str, list[Match]]) -> str:
    ordered = sorted(partners, key=natural_key)
    told = [f"{name} ({'; '.join(map(str, partners[name]))})" for name in ordered[:_MOST_NAMED]]
    more = f" and {len(ordered) - _MOST_NAMED} more experiments" if len(ordered) > _MOST_NAMED else ""
    return (
        f"has the layout of {', '.join(told)}{more}: keep them in one part of a split, and give no model the "
        "position of a well"
    )


def _matches(sites: pl.DataFrame, role: Role) -> dict[tuple[str, str], Match]:
    """The pairs of experiments that agree; none where positive controls sit in the same wells everywhere."""
    own = sites.filter((pl.col("role") == role.value) & pl.col("perturbation").is_not_null())
    own = own.unique(["experiment", "plate", "well"], keep="first", maintain_order=True)
    layout = {name: list(plates.values()) for name, plates in plates_of(own["experiment"], own["plate"]).items()}
    rows = [plate for plates in layout.values() for plate in plates]
    if len(layout) < 2:
        return {}
    place = own.select(pl.struct("well").rank("dense") - 1).to_series().to_numpy()
    content = own.select(pl.struct("well", "perturbation").rank("dense") - 1).to_series().to_numpy()
    common, equal = _overlap(rows, place), _overlap(rows, content)
    numbers, start = {}, 0
    for name, plates in layout.items():
        numbers[name] = np.arange(start, start + len(plates))
        start += len(plates)
    pairs = {
        (one, other): match
        for one, other in combinations(layout, 2)
        if (match := _best_match(role, numbers[one], numbers[other], common, equal)) is not None
    }
    if role is Role.POSITIVE_CONTROL and np.median([one.share for one in pairs.values()] or [0]) > 0.5:
        return {}
    return {names: match for names, match in pairs.items() if match.share >= SMALLEST_SHARE}


def _overlap(rows: Sequence[NDArray[np.int64]], code: NDArray[Any]) -> NDArray[np.int64]:
    """How many codes each two plates have in common, int64 [P, P]."""
    plate = np.repeat(np.arange(len(rows)), [len(own) for own in rows])
    held = coo_array((np.ones(len(plate), dtype=np.int64), (plate, code[np.concatenate(rows)]))).tocsr()
    overlap: NDArray[np.int64] = (held @ held.T).toarray()
    return overlap


def _best_match(
    role: Role,
    one: NDArray[np.int64],
    other: NDArray[np.int64],
    common: NDArray[np.int64],
    equal: NDArray[np.int64],
) -> Match | None:
    """The shift at which two experiments agree most; None where they have too few wells in common."""
    plates = max(len(one), len(other))
    found: dict[int, tuple[float, int]] = {}
    for shift in range(plates):
        partner = (np.arange(len(one)) + shift) % plates
        paired = partner < len(other)
        where = one[paired], other[partner[paired]]
        wells = int(common[where].sum())
        if wells >= FEWEST_WELLS:
            found[shift] = int(equal[where].sum()) / wells, wells
    if not found:
        return None
    share = max(agreement for agreement, _ in found.values())
    shifts = tuple(shift for shift, (agreement, _) in found.items() if agreement == share)
    return Match(role, share, found[shifts[0]][1], shifts, plates)
