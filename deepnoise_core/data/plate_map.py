"""Plate maps: what each well received, as a table that a laboratory keeps beside its images."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from deepnoise_core.contracts.errors import ScreenError
from deepnoise_core.contracts.screens import Role
from deepnoise_core.data.names import some_of
from deepnoise_core.data.plate_format import well_name
from deepnoise_core.data.tables import places_in, read_table


def with_plate_map(sites: pl.DataFrame, path: Path) -> pl.DataFrame:
    """The sites with the columns of a plate map (`perturbation`, `role`, ...), joined by well.

    A map with `plate`, or `experiment` and `plate`, is joined by these too; one with `well` alone is the map
    of every plate. A cell that is filled replaces what the sites have in a column of that name. Wells that
    the screen has and the map does not keep what they have; wells that only the map has are not needed.

    Args:
        sites: one row a site, at least `experiment`, `plate` and `well`, the wells named like `B02`.
        path: a table that `read_table` reads.

    Raises:
        ScreenError: the file is no table with a column `well`; a well or a role is none, or a well stands
            there twice; a column is one that a map cannot give; or no well of the screen is in it. Names
            file and line.
    """
    table = read_table(path, ("well",))
    foreign = [name for name in ("site", "site_id", "well_id") if name in table.columns]
    if foreign:
        raise ScreenError(f"{path}: a plate map has one row a well and no {some_of(foreign)}; remove the column")
    keys = [name for name in ("experiment", "plate", "well") if name in table.columns]
    places = places_in(path, table.height)
    table = _with_keys(table, keys, places)
    _require_roles(table, places)
    if sites.join(table, on=keys, how="semi").is_empty():
        raise ScreenError(
            f"{path}: no well of the screen is in this plate map; its first is {_named(table, keys)}, "
            f"the screen's is {_named(sites, keys)}; write {some_of(keys)} as the screen does"
        )
    given = [name for name in table.columns if name not in keys]
    joined = sites.join(table, on=keys, how="left", suffix=_MAP, maintain_order="left")
    both = [name for name in given if name in sites.columns]
    return joined.with_columns(
        pl.coalesce(pl.col(f"{name}{_MAP}").cast(pl.String), pl.col(name).cast(pl.String)).alias(name)
        for name in both
    ).drop(f"{name}{_MAP}" for name in both)


_MAP = " of the map"


def _with_keys(table: pl.DataFrame, keys: Sequence[str], places: pl.Series) -> pl.DataFrame:
    """The table with its keys as names, wells written as the screen writes them, each row another well."""
    for name in keys:
        if table[name].has_nulls():
            row = int(table[name].is_null().arg_true()[0])
            raise ScreenError(f"{places[row]}: {name} is empty; every row of a plate map needs one")
    table = table.with_columns(pl.col(keys).cast(pl.String))
    table = table.with_columns(well=pl.Series(_well_names(table["well"], places), dtype=pl.String))
    repeated = (~table.select(pl.struct(keys).is_first_distinct()).to_series()).arg_true()
    if len(repeated):
        row = int(repeated[0])
        raise ScreenError(
            f"{places[row]}: {_named(table[row:], keys)} stands there already; keep one of its rows"
        )
    return table


def _require_roles(table: pl.DataFrame, places: pl.Series) -> None:
    for row, role in enumerate(table["role"] if "role" in table.columns else ()):
        if role is not None and role not in set(Role):
            raise ScreenError(f"{places[row]}: role {role!r} is unknown; allowed are {', '.join(Role)}")


def _well_names(wells: pl.Series, places: pl.Series) -> list[str]:
    names = []
    for row, well in enumerate(wells):
        try:
            names.append(well_name(well))
        except ScreenError as error:
            raise ScreenError(f"{places[row]}: {error}") from None
    return names


def _named(table: pl.DataFrame, keys: Sequence[str]) -> str:
    return " ".join(f"{name} {table[name][0]!r}" for name in keys)
