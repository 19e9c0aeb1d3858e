"""Cells of a table as text, freed from what spreadsheets put around them, and refused by their place."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from deepnoise_core.contracts.errors import ScreenError

_MONTH = "(?i:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)"
_SPOILT = rf"^[0-9]{{1,2}}-{_MONTH}$|^{_MONTH}-[0-9]{{2}}$|^[0-9](\.[0-9]+)?E\+[0-9]+$"
"""What spreadsheets make of DEC2, SEPT1 and 1E5, or of a barcode of many digits."""


def text(table: pl.DataFrame, column: str, file: Path) -> pl.Series:
    """A column as strings without blanks around them; null where nothing is left.

    `="B02"`, by which exports keep spreadsheets from changing a value, is B02.

    Args:
        table: where the column stands.
        column: its name.
        file: the table, for messages.

    Raises:
        ScreenError: the column holds lists or bytes.
    """
    values = table[column]
    if values.dtype.is_nested() or values.dtype in (pl.Binary, pl.Object):
        raise ScreenError(f"{file}: column {column!r} holds {values.dtype}; give text or numbers")
    bare = values.cast(pl.String).str.strip_chars()
    if bare.str.starts_with('="').any():
        bare = bare.str.replace('^="(.*)"$', "$1").str.strip_chars()
    return pl.select(pl.when(bare != "").then(bare).alias(column)).to_series()


def refuse(values: pl.Series, fault: pl.Series, places: pl.Series, message: str) -> None:
    """Raise for the first value at fault.

    Args:
        values: [N], named as the message shall call them.
        fault: which of them are wrong, bool [N]; null is not.
        places: where each stands, [N].
        message: what is wrong and what to do.

    Raises:
        ScreenError: some value is at fault.
    """
    faulty = fault.arg_true()
    if len(faulty):
        row = int(faulty[0])
        raise ScreenError(f"{places[row]}: {values.name} {values[row]!r} {message}")


def refuse_spoilt(values: pl.Series, places: pl.Series) -> None:
    """Refuse names that a spreadsheet has turned into dates or powers of ten.

    Raises:
        ScreenError: names the first.
    """
    message = (
        "is a name that Excel has changed; write what stood there before, and import the column as text "
        "when the table is opened in Excel"
    )
    refuse(values, values.str.contains(_SPOILT), places, message)
