"""Sites: the rows of a table in the words of a screen."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import polars as pl

from deepnoise_core.contracts.errors import ScreenError
from deepnoise_core.data.plate_format import row_name, well_name
from deepnoise_plugins.table.cells import refuse, refuse_spoilt, text
from deepnoise_plugins.table.columns import Columns
from deepnoise_plugins.table.options import TableOptions
from deepnoise_plugins.table.roles import roles_of


def read_sites(
    table: pl.DataFrame, columns: Columns, options: TableOptions, places: pl.Series, file: Path
) -> pl.DataFrame:
    """What a table says of each site: columns of a screen, not completed yet, then further ones as they are.

    Wells become names like `B02`. Where no column gives the site, the rows of a well are numbered from 1 in
    their order; where none gives the experiment, it is `unknown`.

    Args:
        table: one row a site.
        columns: what its columns say.
        options: what the user says of them.
        places: where each row stands, [N].
        file: the table, for messages.

    Raises:
        ScreenError: a well is none, a name was changed by Excel, or a role is not known. Names the place.
    """
    given = {name: text(table, column, file).alias(name) for name, column in columns.sites.items()}
    for name, value in options.constants.items():
        given[name] = pl.repeat(value, table.height, eager=True).alias(name)
    if columns.well_parts:
        given["well"] = _wells(*(text(table, column, file) for column in columns.well_parts))
    for name in ("plate", "well", "perturbation"):
        if name in given:
            refuse_spoilt(given[name], places)
    given["well"] = _named_alike(given["well"], places)
    if columns.roles:
        given["role"] = roles_of([text(table, column, file) for column in columns.roles], options.roles, places)
    sites = pl.DataFrame(list(given.values()))
    if "experiment" not in given:
        sites = sites.with_columns(experiment=pl.lit("unknown"))
    if "site" in given:
        sites = sites.with_columns(pl.col("site").str.replace(_DECIMALS, ""))
    else:
        number = pl.int_range(1, pl.len() + 1).over("experiment", "plate", "well")
        sites = sites.with_columns(site=number)
    return sites.hstack(table.select(columns.further))


_DECIMALS = r"\.0+$"


def _wells(rows: pl.Series, columns: pl.Series) -> pl.Series:
    """Names of wells from rows, by letter or by number from 1, and numbers of columns."""
    numbers = rows.str.replace(_DECIMALS, "")
    letters = {number: row_name(int(number) - 1) for number in map(str, range(1, 703))}
    parts = pl.DataFrame({"row": numbers.replace(letters), "column": columns.str.replace(_DECIMALS, "")})
    return parts.select(well=pl.concat_str("row", "column"))["well"]


def _named_alike(wells: pl.Series, places: pl.Series) -> pl.Series:
    names: dict[str, str] = {}
    for well in wells.drop_nulls().unique():
        with suppress(ScreenError):
            names[well] = well_name(well)
    message = "is no well; wells are a row letter and a column number, as in B02"
    refuse(wells, ~wells.is_in(list(names)), places, message)
    return wells.replace_strict(names, default=None, return_dtype=pl.String)
