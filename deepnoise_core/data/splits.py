"""Splits: which experiments or plates are trained on, selected on and only predicted.

A unit is never divided, since wells of one batch share noise that a model would learn instead of biology.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, Self, get_args

import numpy as np
import polars as pl
from numpy.typing import NDArray

from deepnoise_core.contracts.errors import SplitError
from deepnoise_core.contracts.plan import SplitOptions
from deepnoise_core.contracts.screens import Screen
from deepnoise_core.data.buckets import AT_ONCE
from deepnoise_core.data.names import did_you_mean, natural_key, some_of
from deepnoise_core.data.numbering import distinct

Part = Literal["train", "validation", "test"]
PARTS: tuple[Part, ...] = get_args(Part)


@dataclass(frozen=True)
class Split:
    """The part of every row of a screen.

    Attributes:
        of_row: place of each site's part among `PARTS`, int8 [N].
        train: units that are learned from, in natural order.
        validation: units that select the best epoch.
        test: units that are only predicted.
    """

    of_row: NDArray[np.int8]
    train: tuple[str, ...]
    validation: tuple[str, ...] = ()
    test: tuple[str, ...] = ()

    @classmethod
    def whole(cls, sites: int, part: Part, units: tuple[str, ...] = ()) -> Self:
        """All sites in one part, whose units these are."""
        return cls(np.full(sites, PARTS.index(part), dtype=np.int8), **{"train": (), part: units})

    @property
    def parts(self) -> NDArray[np.str_]:
        """`train`, `validation` or `test` of each site, strings [N]."""
        return np.array(PARTS)[self.of_row]

    def holds(self, *parts: Part) -> NDArray[np.bool_]:
        """Whether each site is of one of these parts, bool [N]."""
        return np.isin(np.arange(len(PARTS)), [PARTS.index(part) for part in parts])[self.of_row]

    def rows(self, part: Part) -> NDArray[np.int64]:
        """Rows of one part, ascending, int64."""
        return np.flatnonzero(self.holds(part)).astype(np.int64, copy=False)


def split(screen: Screen, options: SplitOptions) -> Split:
    """Put every unit of a screen in one part, by names alone: nothing is random.

    Applied in this order: `column`, then `test`, then `validation`, then `folds` over what is still train;
    fold `fold` joins the validation units.

    Raises:
        SplitError: a unit or column does not exist, a unit stands in two lists or is divided by the column,
            a value of the column is no part, a fold cannot be made, or no training unit is left.
    """
    unit = _unit(options.unit).alias("unit")
    cell_types = _cell_types(distinct(screen.sites, unit, pl.col("cell_type")))
    parts: dict[str, Part] = dict.fromkeys(cell_types, "train")
    if options.column is not None:
        parts.update(_parts_of_column(screen, unit, options.column))
    _require_known(options, parts)
    parts.update(dict.fromkeys(options.test, "test"))
    parts.update(dict.fromkeys(options.validation, "validation"))
    training = [unit for unit, part in parts.items() if part == "train"]
    if options.folds is None and options.fold:
        raise SplitError(f"split.fold: {options.fold}, but split.folds is not set; say how many folds there are")
    if options.folds is not None:
        held_out = _fold(training, cell_types, options)
        parts.update(dict.fromkeys(held_out, "validation"))
    if "train" not in parts.values():
        raise SplitError(
            f"{screen.source}: no {options.unit} is left to train on; "
            f"of {len(parts)}, {_count(parts, 'validation')} are validation and {_count(parts, 'test')} test"
        )
    return Split(
        of_row=_spread(parts, screen.sites, options.unit),
        train=_named(parts, "train"),
        validation=_named(parts, "validation"),
        test=_named(parts, "test"),
    )


def units_among(screen: Screen, unit: Literal["experiment", "plate"], rows: NDArray[np.int64]) -> frozenset[str]:
    """The names of the units of some sites, of which there is at least one."""
    return frozenset(distinct(screen.sites, _unit(unit), rows=rows).to_series().to_list())


def units_of(screen: Screen, unit: Literal["experiment", "plate"]) -> NDArray[np.str_]:
    """The name of each site's unit, strings [N]; a plate is named EXPERIMENT/PLATE."""
    return screen.sites.select(_unit(unit)).to_series().to_numpy().astype(str)


def parts_of(
    sites: pl.DataFrame, unit: Literal["experiment", "plate"], parts: Mapping[str, Part], otherwise: Part
) -> pl.Series:
    """The part of each site of a table by its unit, strings [N]; `otherwise` where the unit has none."""
    units = sites.select(_unit(unit)).to_series()
    return units.replace_strict(dict(parts), default=otherwise, return_dtype=pl.Enum(PARTS))


def folds_of(units: Iterable[str], cell_types: Mapping[str, str], folds: int) -> tuple[tuple[str, ...], ...]:
    """Divide units in folds that differ by at most one unit, overall and within each cell type.

    Units are dealt round, cell type after cell type, in natural order; names alone decide.
    """
    order = sorted(units, key=lambda unit: (natural_key(cell_types[unit]), natural_key(unit)))
    return tuple(tuple(order[start::folds]) for start in range(folds))


_PART_WORDS: dict[str, Part] = {
    "train": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
}


def _unit(unit: Literal["experiment", "plate"]) -> pl.Expr:
    if unit == "plate":
        return pl.concat_str("experiment", "plate", separator="/")
    return pl.col("experiment")


def _cell_types(table: pl.DataFrame) -> dict[str, str]:
    """Cell type of each unit, units in natural order; several cell types of one unit count as their own."""
    units = table.group_by("unit").agg(pl.col("cell_type").unique().sort().str.join("+"))
    pairs = zip(units["unit"].to_list(), units["cell_type"].to_list(), strict=True)
    return dict(sorted(pairs, key=lambda pair: natural_key(pair[0])))


def _parts_of_column(screen: Screen, unit: pl.Expr, column: str) -> dict[str, Part]:
    if column not in screen.sites.columns:
        raise SplitError(
            f"{screen.source}: no column {column!r} to split by{did_you_mean(column, screen.sites.columns)}; "
            f"the screen has {some_of(screen.sites.columns, most=20)}"
        )
    pairs = distinct(screen.sites, unit, pl.col(column).cast(pl.String).alias("value"))
    parts: dict[str, Part] = {}
    for name, value in sorted(pairs.rows(), key=lambda pair: (natural_key(pair[0]), str(pair[1]))):
        if value not in _PART_WORDS:
            found = "empty" if value is None else repr(value)
            raise SplitError(
                f"{screen.source}: column {column!r} of {name} is {found}; write train, validation or test"
            )
        part = _PART_WORDS[value]
        if parts.setdefault(name, part) != part:
            raise SplitError(
                f"{screen.source}: column {column!r} divides {name} into {parts[name]} and {part}; "
                "give all its sites one part, or split by plate"
            )
    return parts


def _require_known(options: SplitOptions, units: Mapping[str, Part]) -> None:
    for field, names in (("test", options.test), ("validation", options.validation)):
        for name in names:
            if name not in units:
                raise SplitError(
                    f"split.{field}: the screen has no {options.unit} {name!r}{did_you_mean(name, units)}; "
                    f"it has {some_of(units)}"
                )
    shared = sorted(set(options.test) & set(options.validation), key=natural_key)
    if shared:
        raise SplitError(f"split: {some_of(shared)} stands in both test and validation; keep one")


def _fold(training: list[str], cell_types: Mapping[str, str], options: SplitOptions) -> tuple[str, ...]:
    folds = options.folds or 0
    if options.fold >= folds:
        raise SplitError(f"split.fold: {options.fold} of {folds} folds; they are numbered 0 to {folds - 1}")
    if len(training) < folds:
        raise SplitError(
            f"split.folds: {folds} folds of {len(training)} training {options.unit}s; "
            f"give at most {len(training)} folds, or split by a smaller unit"
        )
    return folds_of(training, cell_types, folds)[options.fold]


def _spread(
    parts: Mapping[str, Part], sites: pl.DataFrame, unit: Literal["experiment", "plate"]
) -> NDArray[np.int8]:
    """The part of each row's unit, its place among `PARTS`, [N]."""
    slices = (parts_of(some, unit, parts, "test") for some in sites.iter_slices(AT_ONCE))
    return np.concatenate([found.to_physical().to_numpy().astype(np.int8) for found in slices])


def _named(parts: Mapping[str, Part], part: Part) -> tuple[str, ...]:
    return tuple(unit for unit, found in parts.items() if found == part)


def _count(parts: Mapping[str, Part], part: Part) -> int:
    return len(_named(parts, part))
