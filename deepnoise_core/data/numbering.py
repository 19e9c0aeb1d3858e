"""Names as numbers, some rows at a time, so that no column of millions of names is made for it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from deepnoise_core.data.buckets import AT_ONCE


def numbered(
    table: pl.DataFrame, name: pl.Expr, rows: NDArray[np.int64] | None = None
) -> tuple[pl.Series, NDArray[np.int32]]:
    """The different names of some rows of a table, sorted, and which of them each row has.

    Args:
        table: N rows, at least one.
        name: made of its columns, strings without a null.
        rows: of the table, int64 [n], at least one; all of them where None.

    Returns:
        The names, strings, and the place of each row's among them, int32 [n].
    """
    names = distinct(table, name.alias("name"), rows=rows)["name"].sort()
    numbers = np.empty(table.height if rows is None else len(rows), dtype=np.int32)
    kind, start = pl.Enum(names), 0
    for part in _parts(table, [name.alias("name")], rows):
        numbers[start : start + len(part)] = part["name"].cast(kind).to_physical().to_numpy()
        start += len(part)
    return names, numbers


def texts(table: pl.DataFrame, column: str) -> NDArray[np.str_]:
    """A column of strings without a null as numpy holds them, [N], without an object for each."""
    names, numbers = numbered(table, pl.col(column))
    found: NDArray[np.str_] = names.to_numpy().astype(str)[numbers]
    return found


def distinct(table: pl.DataFrame, *columns: pl.Expr, rows: NDArray[np.int64] | None = None) -> pl.DataFrame:
    """The different rows of what is made of some rows of a table, in any order; arguments as of `numbered`."""
    return pl.concat([part.unique() for part in _parts(table, columns, rows)]).unique()


def _parts(
    table: pl.DataFrame, columns: Sequence[pl.Expr], rows: NDArray[np.int64] | None
) -> Iterator[pl.DataFrame]:
    """What is made of the rows, some of them at a time."""
    needed = table.select(sorted({root for column in columns for root in column.meta.root_names()}))
    for start in range(0, table.height if rows is None else len(rows), AT_ONCE):
        places = slice(start, start + AT_ONCE)
        yield (needed[places] if rows is None else needed[rows[places]]).select(columns)
