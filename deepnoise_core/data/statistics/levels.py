"""Which sites each row of a screen is measured by: those of its plate, say, or the controls among them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self, get_args

import numpy as np
from numpy.typing import NDArray

from deepnoise_core.contracts import Level, ReferenceWells, Role, Screen, SiteStatistics
from deepnoise_core.contracts.errors import StatisticsError
from deepnoise_core.data.names import some_of
from deepnoise_core.data.numbering import texts

_LEVELS: tuple[Level, ...] = get_args(Level)
_WORDS: dict[ReferenceWells, str] = {
    "all": "sites",
    "negative_controls": "negative controls",
    "controls": "controls",
}
REFERENCE_ROLES: dict[ReferenceWells, tuple[Role, ...]] = {
    "all": tuple(Role),
    "negative_controls": (Role.NEGATIVE_CONTROL,),
    "controls": (Role.NEGATIVE_CONTROL, Role.POSITIVE_CONTROL),
}


@dataclass(frozen=True)
class SiteDomains:
    """The domains and roles of N sites, without any statistics.

    Attributes:
        experiment: name of each site's experiment, [N].
        plate: name of each site's plate, unique within its experiment only, [N].
        cell_type: name of each site's cell type, [N].
        role: value of `Role` of each site's well, [N].
    """

    experiment: NDArray[np.str_]
    plate: NDArray[np.str_]
    cell_type: NDArray[np.str_]
    role: NDArray[np.str_]

    @classmethod
    def of(cls, screen: Screen) -> Self:
        """Those of a screen's sites."""
        return cls(*(texts(screen.sites, name) for name in ("experiment", "plate", "cell_type", "role")))

    def __len__(self) -> int:
        return len(self.role)


@dataclass(frozen=True)
class Groups:
    """The plates, experiments or cell types of a screen, or the screen itself, in the order of their names.

    Attributes:
        names: how messages call each group, e.g. `plate HUVEC-01/2`.
        of_row: the group of each row, int64 [N].
    """

    names: tuple[str, ...]
    of_row: NDArray[np.int64]


@dataclass(frozen=True)
class Pools:
    """Sets of sites to measure by; two may overlap where a group had to look further than its own sites.

    Attributes:
        names: what each of the P pools is, e.g. `plate HUVEC-01/2`.
        sites: rows of the sites in each pool, ascending, int64.
        of_row: the pool that each row is measured by, int64 [N]; -1 where none has enough sites.
        notes: one line for each group that is measured by sites beyond its own.
    """

    names: tuple[str, ...]
    sites: tuple[NDArray[np.int64], ...]
    of_row: NDArray[np.int64]
    notes: tuple[str, ...] = ()


def level_groups(statistics: SiteStatistics | SiteDomains, level: Level) -> Groups:
    """The groups of N sites; a plate is one of its experiment."""
    if level == "screen":
        return Groups(("the screen",) if len(statistics) else (), np.zeros(len(statistics), dtype=np.int64))
    columns = {
        "plate": (statistics.experiment, statistics.plate),
        "experiment": (statistics.experiment,),
        "cell_type": (statistics.cell_type,),
    }[level]
    # Sites of a plate mostly follow one another: naming each run once spares sorting 100,000 strings.
    changes = np.any([column[1:] != column[:-1] for column in columns], axis=0)
    starts = np.concatenate([[0], np.flatnonzero(changes) + 1])[: len(statistics)]
    keys = list(zip(*(column[starts].tolist() for column in columns), strict=True))
    numbers = {key: number for number, key in enumerate(sorted(set(keys)))}
    lengths = np.diff(np.append(starts, len(statistics)))
    of_row = np.repeat(np.array([numbers[key] for key in keys], dtype=np.int64), lengths)
    return Groups(tuple(f"{level.replace('_', ' ')} {'/'.join(key)}" for key in numbers), of_row)


def reference_pools(
    statistics: SiteStatistics,
    level: Level = "plate",
    reference: ReferenceWells = "all",
    *,
    minimum: int = 1,
    wider: bool = False,
) -> Pools:
    """The pool of reference sites that each row is measured by.

    Args:
        statistics: N sites; their domains and roles are read, none of their sums.
        level: sites of the own plate, experiment, cell type or of the whole screen.
        reference: which of them: all, or those of control wells alone.
        minimum: fewest sites that are enough.
        wider: whether a group with fewer looks at the next wider level that has enough, which is noted.

    Raises:
        StatisticsError: groups have fewer sites than the minimum; says which, and how many each has.
    """
    levels = _LEVELS[_LEVELS.index(level) :] if wider else (level,)
    pools = pools_by_level(statistics, levels, reference, minimum=minimum)
    if (pools.of_row < 0).any():
        groups = level_groups(statistics, levels[-1])
        sizes = reference_sizes(statistics, groups, reference)
        short = np.unique(groups.of_row[pools.of_row < 0])
        raise StatisticsError(
            f"{minimum} {_WORDS[reference]} are needed to measure each {level.replace('_', ' ')} by, but there "
            f"are fewer in {some_of((f'{groups.names[group]}: {sizes[group]}' for group in short), most=12)}; "
            "choose a wider level, another reference or a smaller minimum"
        )
    return pools


def pools_by_level(
    statistics: SiteStatistics | SiteDomains, levels: Sequence[Level], reference: ReferenceWells, *, minimum: int
) -> Pools:
    """The pool of each row: that of the first of these levels with enough reference sites, or none.

    Args:
        statistics: N sites.
        levels: from the row's own on, each wider than the one before.
        reference: which sites count.
        minimum: fewest sites that are enough.
    """
    chosen = _reference_rows(statistics, reference)
    own = level_groups(statistics, levels[0])
    own_sizes = reference_sizes(statistics, own, reference)
    of_row = np.full(len(statistics), -1, dtype=np.int64)
    names: list[str] = []
    sites: list[NDArray[np.int64]] = []
    notes: list[str] = []
    for level in levels:
        groups = own if level == levels[0] else level_groups(statistics, level)
        sizes = reference_sizes(statistics, groups, reference)
        served = (of_row < 0) & (sizes >= minimum)[groups.of_row]
        used, place = np.unique(groups.of_row[served], return_inverse=True)
        of_row[served] = len(sites) + place
        names += [groups.names[group] for group in used]
        sites += _members(groups, chosen, used)
        if level != levels[0]:
            for short, group in np.unique([own.of_row[served], groups.of_row[served]], axis=1).T:
                notes.append(
                    f"{own.names[short]} has {own_sizes[short]} {_WORDS[reference]}, fewer than {minimum}: "
                    f"the {sizes[group]} of {groups.names[group]} are used"
                )
    return Pools(tuple(names), tuple(sites), of_row, tuple(notes))


def reference_sizes(
    statistics: SiteStatistics | SiteDomains, groups: Groups, reference: ReferenceWells
) -> NDArray[np.int64]:
    """Reference sites of each group, int64 [G]."""
    return np.bincount(groups.of_row[_reference_rows(statistics, reference)], minlength=len(groups.names))


def _reference_rows(statistics: SiteStatistics | SiteDomains, reference: ReferenceWells) -> NDArray[np.int64]:
    roles = [statistics.role == role.value for role in REFERENCE_ROLES[reference]]
    return np.flatnonzero(np.logical_or.reduce(roles)).astype(np.int64)


def _members(groups: Groups, rows: NDArray[np.int64], used: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Those of these rows that belong to each used group, ascending."""
    ordered = rows[np.argsort(groups.of_row[rows], kind="stable")]
    starts, ends = (np.searchsorted(groups.of_row[ordered], used, side=side) for side in ("left", "right"))
    return [ordered[start:end] for start, end in zip(starts, ends, strict=True)]
