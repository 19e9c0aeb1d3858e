"""Tables in files: CSV, its kin and Parquet, with the faults of hand-made files named by line."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable
from pathlib import Path

import polars as pl

from deepnoise_core.contracts.errors import ScreenError
from deepnoise_core.data.csv_text import csv_text
from deepnoise_core.data.names import some_of

SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs"}
"""What may stand between the fields of a text, and how it is called. The header line shows which one does."""


def read_table(path: Path, required: Iterable[str] = ()) -> pl.DataFrame:
    """A Parquet file with its types, or any other as `read_csv`; which it is is told by its content.

    Empty texts are null. `places_in` says where row i stands.

    Raises:
        ScreenError: as `read_csv`, or a Parquet file is damaged.
    """
    if not _is_parquet(path):
        return read_csv(path, required)
    table = _parquet(path)
    _require_columns(str(path), table.columns, required)
    if table.is_empty():
        raise ScreenError(f"{path}: the table has no row; give a file with at least one")
    return _with_nulls(table)


def read_csv(path: Path, required: Iterable[str] = (), *, may_be_empty: bool = False) -> pl.DataFrame:
    """A text with a header line as a table of strings; empty fields are null.

    Row i stands on line i + 2 of the file. Fields are separated by commas, semicolons or tabs, as the header
    line shows. Encodings, line ends and compression are those of `csv_text`.

    Args:
        path: the file.
        required: columns that must be there; others are kept.
        may_be_empty: whether a header without a row under it is a table too.

    Raises:
        ScreenError: the file is missing, empty, no text, has ragged lines or repeated columns, lacks a
            required column or, unless it may, has no row under its header. Names the file and the line.
    """
    text = csv_text(path)
    header, separator = _header(path, text)
    _require_columns(f"{path}:1", header, required)
    table = _parsed(path, text, separator, len(header))
    if table.is_empty() and not may_be_empty:
        raise ScreenError(f"{path}: no row under the header line; give a file with at least one")
    return _with_nulls(table)


def peek_table(path: Path, rows: int = 100) -> pl.DataFrame:
    """The first rows of what `read_table` gives, at the price of reading about a megabyte.

    Raises:
        ScreenError: as `read_table`, for what this part of the file shows.
    """
    if _is_parquet(path):
        return _with_nulls(_parquet(path, rows))
    text = csv_text(path, most=_PEEK_BYTES)
    header, separator = _header(path, text)
    return _with_nulls(_parsed(path, text, separator, len(header)).head(rows))


def column_names(path: Path) -> frozenset[str]:
    """The names in the header line of a text; none where it has no header that can be read."""
    try:
        return frozenset(_header(path, csv_text(path, most=_PEEK_BYTES))[0])
    except ScreenError:
        return frozenset()


def places_in(path: Path, rows: int) -> pl.Series:
    """Where each row of a table stands: `m.csv:2`, `m.csv:3` …, or `m.parquet, row 1` …; strings [rows]."""
    first, mark = (1, f"{path}, row ") if _is_parquet(path) else (2, f"{path}:")
    number = pl.int_range(first, rows + first).cast(pl.String)
    return pl.select(place=pl.concat_str(pl.lit(mark), number))["place"]


_PEEK_BYTES = 2**20
_QUOTED = re.compile('"[^"]*"')


def _is_parquet(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(4) == b"PAR1"
    except OSError:
        return False


def _parquet(path: Path, rows: int | None = None) -> pl.DataFrame:
    try:
        return pl.read_parquet(path, n_rows=rows, glob=False, hive_partitioning=False)
    except (OSError, pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        reason = str(error).splitlines()[0]
        raise ScreenError(f"{path}: no Parquet table that can be read ({reason}); write it again") from None


def _require_columns(place: str, found: list[str], required: Iterable[str]) -> None:
    absent = [name for name in required if name not in found]
    if absent:
        raise ScreenError(f"{place}: column {some_of(absent)} is missing; the file has {some_of(found, most=20)}")


def _with_nulls(table: pl.DataFrame) -> pl.DataFrame:
    text = pl.col(pl.String)
    return table.with_columns(pl.when(text != "").then(text).name.keep())


def _header(path: Path, text: bytes) -> tuple[list[str], str]:
    line = text[: text.find(b"\n") if b"\n" in text else None].decode()
    used = [separator for separator in SEPARATORS if separator in _QUOTED.sub("", line)]
    if len(used) > 1:
        found = " and ".join(SEPARATORS[separator] for separator in used)
        raise ScreenError(f"{path}:1: the header has {found}; put names that hold some in double quotes")
    separator = used[0] if used else ","
    try:
        names = next(csv.reader([line], delimiter=separator))
    except csv.Error as error:
        raise ScreenError(f"{path}:1: not a header line ({error}); mend the file") from None
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise ScreenError(f"{path}:1: column {some_of(repeated)} stands there twice; keep one")
    return names, separator


def _parsed(path: Path, text: bytes, separator: str, fields: int) -> pl.DataFrame:
    lines = text.count(b"\n") + 1
    try:
        table = pl.read_csv(text, separator=separator, infer_schema=False)
    except (pl.exceptions.PolarsError, ValueError) as error:
        _require_even_lines(path, text, separator, fields)
        reason = str(error).splitlines()[0]
        raise ScreenError(f"{path}: not a table of separated values ({reason}); mend the file") from None
    if b'"' in text:
        even = table.height + 1 == lines and not table.to_series(-1).has_nulls()
    else:
        even = text.count(separator.encode()) == (fields - 1) * lines
    if not even:
        _require_even_lines(path, text, separator, fields)
    return table


def _require_even_lines(path: Path, text: bytes, separator: str, fields: int) -> None:
    """Refuse a line that is cut short, which would read as one whose last fields are unknown, and its kin."""
    for number, line in enumerate(text.decode().split("\n"), start=1):
        if line.count('"') % 2:
            raise ScreenError(f"{path}:{number}: a double quote without its pair; close it on the same line")
        try:
            found = len(next(csv.reader([line], delimiter=separator, strict=True), "1")) or 1
        except csv.Error as error:
            raise ScreenError(f"{path}:{number}: not a line of a table ({error}); mend the line") from None
        if found != fields:
            raise ScreenError(f"{path}:{number}: {found} fields where the header has {fields}; mend the line")
