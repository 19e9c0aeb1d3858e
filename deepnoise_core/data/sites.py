"""The table of sites: what readers hand over, checked and completed to `SITE_COLUMNS`."""

from __future__ import annotations

import hashlib

import polars as pl

from deepnoise_core.contracts.errors import ScreenError
from deepnoise_core.contracts.screens import SITE_COLUMNS, Role
from deepnoise_core.data.names import some_of

REQUIRED = ("experiment", "plate", "well", "site")
"""Columns that a reader must give; the rest of `SITE_COLUMNS` is completed."""


def site_table(frame: pl.DataFrame, source: str, places: pl.Series | None = None) -> pl.DataFrame:
    """A table of sites with all of `SITE_COLUMNS`, in that order, and then its further columns.

    Columns that are not given are completed: `well_id` as `{experiment}_{plate}_{well}`, `site_id` as
    `{well_id}_{site}`, `role` and `cell_type` as `unknown`, `perturbation` and `dataset` as null. Empty
    strings of the last four count as not given. All become strings but `site`, which becomes int64.

    Args:
        frame: one row a site, at least the columns of `REQUIRED`.
        source: the file that the frame was read from, for messages.
        places: where each row stands, e.g. `train.csv:17`; line i + 2 of `source` where None.

    Raises:
        ScreenError: a column is missing; a name is empty; a site is no whole number; a role is none of
            `Role`; two rows have one site id; or one well id names two wells. Names the place and value.
    """
    absent = [name for name in REQUIRED if name not in frame.columns]
    if absent:
        raise ScreenError(
            f"{source}: column {some_of(absent)} is missing; found {some_of(frame.columns, most=20)}"
        )
    if frame.is_empty():
        raise ScreenError(f"{source}: no site is listed; give a table with at least one row")
    rows = _Rows(source, places)
    for name in ("experiment", "plate", "well", "site_id", "well_id"):
        if name in frame.columns:
            frame = frame.with_columns(pl.col(name).cast(pl.String))
            rows.refuse(frame, name, _is_blank(name), f"{name} is empty; every site needs one")
    frame = _with_site_numbers(frame, rows)
    frame = _with_roles(_completed(frame), rows)
    _require_unique_sites(frame, rows)
    _require_consistent_wells(frame, rows)
    further = [name for name in frame.columns if name not in SITE_COLUMNS]
    return frame.select(*SITE_COLUMNS, *further)


def digest_of(sites: pl.DataFrame) -> str:
    """Hexadecimal SHA-256 of a table as CSV; no more than some rows of it are held as text at a time."""
    digest = hashlib.sha256()
    for place, rows in enumerate(sites.iter_slices(_ROWS_AS_TEXT)):
        digest.update(rows.write_csv(include_header=not place).encode())
    return digest.hexdigest()


_ROWS_AS_TEXT = 100_000


class _Rows:
    """Names the place of a row in a message."""

    def __init__(self, source: str, places: pl.Series | None) -> None:
        self.source = source
        self.places = places

    def place(self, row: int) -> str:
        return f"{self.source}:{row + 2}" if self.places is None else str(self.places[row])

    def refuse(self, frame: pl.DataFrame, column: str, fault: pl.Expr, message: str) -> None:
        """Raise for the first row at fault; `{value}` in the message is what its column holds."""
        faulty = frame.select(fault.alias("fault"))["fault"].arg_true()
        if len(faulty):
            row = int(faulty[0])
            text = message.replace("{value}", repr(frame[column][row]))
            raise ScreenError(f"{self.place(row)}: {text}")


def _is_blank(name: str) -> pl.Expr:
    return pl.col(name).is_null() | (pl.col(name).str.strip_chars() == "")


def _with_site_numbers(frame: pl.DataFrame, rows: _Rows) -> pl.DataFrame:
    given = pl.col("site")
    number = given if frame["site"].dtype.is_integer() else given.cast(pl.String).cast(pl.Int64, strict=False)
    rows.refuse(frame, "site", number.is_null(), "site is {value}; give a whole number")
    return frame.with_columns(number.cast(pl.Int64).alias("site"))


def _completed(frame: pl.DataFrame) -> pl.DataFrame:
    if "well_id" not in frame.columns:
        frame = frame.with_columns(well_id=pl.concat_str("experiment", "plate", "well", separator="_"))
    if "site_id" not in frame.columns:
        frame = frame.with_columns(site_id=pl.concat_str("well_id", "site", separator="_"))
    for name, default in (
        ("role", Role.UNKNOWN),
        ("cell_type", "unknown"),
        ("perturbation", None),
        ("dataset", None),
    ):
        given = pl.col(name).cast(pl.String) if name in frame.columns else pl.lit(None, dtype=pl.String)
        value = pl.lit(default, dtype=pl.String)
        frame = frame.with_columns(
            pl.when(given.str.strip_chars() != "").then(given).otherwise(value).alias(name)
        )
    return frame


def _with_roles(frame: pl.DataFrame, rows: _Rows) -> pl.DataFrame:
    allowed = [role.value for role in Role]
    message = f"role {{value}} is unknown; allowed are {', '.join(allowed)}"
    rows.refuse(frame, "role", ~pl.col("role").is_in(allowed), message)
    return frame


def _require_unique_sites(frame: pl.DataFrame, rows: _Rows) -> None:
    if _all_differ(frame.select("site_id")):
        return
    repeated = frame["site_id"].is_duplicated()
    if repeated.any():
        site = frame["site_id"][int(repeated.arg_true()[0])]
        first, second = (frame["site_id"] == site).arg_true()[:2].to_list()
        raise ScreenError(
            f"{rows.place(second)}: site {site!r} stands already at {rows.place(first)}; keep one of the rows"
        )


def _require_consistent_wells(frame: pl.DataFrame, rows: _Rows) -> None:
    identity = ["well_id", "experiment", "plate", "well"]
    if _distinct(frame.select("well_id")) == _distinct(frame.select(identity)):
        return
    wells = frame.with_row_index("row").unique(identity, keep="first")
    repeated = wells.filter(pl.col("well_id").is_duplicated()).sort("well_id", "row")
    if not repeated.is_empty():
        name, first, second = repeated["well_id"][0], repeated["row"][0], repeated["row"][1]
        raise ScreenError(
            f"{rows.place(second)}: well id {name!r} names another well at {rows.place(first)}; "
            "give each well of a plate its own"
        )


def _all_differ(frame: pl.DataFrame) -> bool:
    return _distinct(frame) == frame.height


def _distinct(frame: pl.DataFrame) -> int:
    """Different rows by their hashes: ten times as fast as by their strings, and very rarely one too few."""
    return frame.hash_rows(seed=0).n_unique()
