"""Tables of embeddings that were computed elsewhere, joined to the sites or wells of a screen."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from deepnoise_core.contracts.errors import ScreenError
from deepnoise_core.contracts.predictions import ID_COLUMNS, Predictions
from deepnoise_core.contracts.screens import SITE_COLUMNS, Screen
from deepnoise_core.data.names import some_of
from deepnoise_core.data.plate_format import well_name
from deepnoise_core.data.shards import RECORD, scan_embeddings
from deepnoise_core.data.tables import places_in, read_table

_KEYS = (("site_id",), ("well_id",), ("experiment", "plate", "well"), ("plate", "well"))
"""Columns that tell whose embedding a row is; the first of these that a table has count."""
_KNOWN = re.compile(r"feature_?\d+|(Cells|Cytoplasm|Nuclei|Image)_(?!Metadata_).+")
"""Names of features in RxRx1's published table, and in those of CellProfiler and pycytominer."""


@dataclass(frozen=True)
class EmbeddingTable:
    """N embeddings and whose they are.

    Attributes:
        source: the file.
        keys: what tells the rows apart, `site_id`, `well_id` or names of plate and well, [N].
        places: where each row stands, [N].
        features: names of the F features.
        values: float32 [N, F], finite.
    """

    source: Path
    keys: pl.DataFrame
    places: pl.Series
    features: tuple[str, ...]
    values: NDArray[np.float32]


def read_embeddings(path: Path, features: str | None = None) -> EmbeddingTable:
    """Embeddings of a CSV or Parquet file or of a folder of shards, one row a site or well.

    Rows are told by `site_id`, `well_id`, or plate and well, with `Metadata_` before the name or not, in any
    spelling of case and underscores. Features are the columns of `features`; where it is None, those named
    `feature_0` or as CellProfiler names its own, and where there are none, all that say nothing of sites. A
    Parquet file may instead hold each embedding in one column of lists.

    Args:
        path: the file, or the folder that `deepnoise embed` wrote.
        features: names of the features, with `*` for anything, as in `emb_*`.

    Raises:
        PredictionsError: a folder is none of embeddings, or not complete.
        ScreenError: the file is none of these, has no such columns, or a feature is no finite number. Names the
            line or row.
    """
    shards = path.is_dir()
    table = scan_embeddings(path).collect() if shards else read_table(path)
    places = places_in(path / RECORD if shards else path, table.height)
    meanings = {column: _meaning(column) for column in table.columns}
    keys = _keys(table, meanings, path)
    names = _features(table.columns, meanings, features)
    if not names:
        raise ScreenError(
            f"{path}: no column holds features; name them as feature_0, feature_1 and on, or say which they are "
            f"with --features; the file has {some_of(table.columns, most=20)}"
        )
    first = table[names[0]]
    if len(names) == 1 and isinstance(first.dtype, (pl.List, pl.Array)):
        names, numbers = _lists(first, places)
    else:
        numbers = _columns(table.select(names), places)
    _require_distinct(keys, places)
    return EmbeddingTable(path, keys, places, tuple(names), numbers)


def embedded(table: EmbeddingTable, screen: Screen) -> Predictions:
    """The sites or wells of a screen that a table has embeddings of, in the screen's order; predicts nothing.

    Args:
        table: what was read.
        screen: where the rows belong; no pixel is read.

    Returns:
        Without classes; a note counts what of the screen has no embedding.

    Raises:
        ScreenError: a row of the table is nobody's, or anybody's of several; names it.
    """
    per_site = table.keys.columns == ["site_id"]
    unit = "site" if per_site else "well"
    known = screen.sites.with_row_index("row").unique(f"{unit}_id", keep="first", maintain_order=True)
    own = known.select("row", key=_joined(known.select(table.keys.columns)))
    wanted = _joined(table.keys)
    repeated = own.filter(pl.col("key").is_in(wanted.implode()) & pl.col("key").is_duplicated())
    if repeated.height:
        raise ScreenError(
            f"{table.source}: {repeated['key'][0]} are wells of several experiments; add the column experiment"
        )
    row = wanted.to_frame("key").join(own, on="key", how="left", maintain_order="left")["row"]
    strange = row.is_null().arg_true()
    if len(strange):
        first = int(strange[0])
        raise ScreenError(
            f"{table.places[first]}: {' and '.join(table.keys.columns)} {wanted[first]!r} is no {unit} of "
            f"{screen.source}; {len(strange)} of {len(row)} rows are not; give the metadata of these embeddings"
        )
    order = row.arg_sort().to_numpy()
    rows = row.to_numpy()[order].astype(np.int64)
    columns = ("site_id", "site", *ID_COLUMNS) if per_site else ID_COLUMNS
    missing = known.height - len(rows)
    return Predictions(
        ids={name: screen.column(name, rows) for name in columns},
        classes=(),
        scores=np.zeros((len(rows), 0), dtype=np.float32),
        embeddings=table.values[order],
        notes=(f"{missing:,} of {known.height:,} {unit}s have no embedding",) if missing else (),
    )


def _meaning(column: str) -> str:
    """Which column of a screen a name means; empty for one that is something else."""
    bare = re.sub("^(image_)?(metadata_)?", "", column.lower()).replace("_", "")
    return next((name for name in SITE_COLUMNS if name.replace("_", "") == bare), "")


def _keys(table: pl.DataFrame, meanings: dict[str, str], path: Path) -> pl.DataFrame:
    by_meaning = {meaning: column for column, meaning in reversed(meanings.items()) if meaning}
    for names in _KEYS:
        if all(name in by_meaning for name in names):
            return table.select(pl.col(by_meaning[name]).cast(pl.String).alias(name) for name in names)
    raise ScreenError(
        f"{path}: no column tells whose embeddings these are; give site_id, well_id, or plate and well; the file "
        f"has {some_of(table.columns, most=20)}"
    )


def _features(columns: list[str], meanings: dict[str, str], wanted: str | None) -> list[str]:
    if wanted is not None:
        return [name for name in columns if fnmatchcase(name, wanted)]
    known = [name for name in columns if _KNOWN.fullmatch(name)]
    return known or [
        name for name in columns if not meanings[name] and not re.match("(?i)(image_)?metadata_", name)
    ]


def _lists(column: pl.Series, places: pl.Series) -> tuple[list[str], NDArray[np.float32]]:
    lists = column.arr.to_list() if isinstance(column.dtype, pl.Array) else column
    lengths = lists.list.len().fill_null(0)
    width = int(lengths[0])
    unlike = (lengths != width).arg_true()
    row = int(unlike[0]) if len(unlike) else 0
    if len(unlike) or not width:
        raise ScreenError(
            f"{places[row]}: {column.name} holds {lengths[row]} numbers, that of {places[0]} {width}; give all "
            "rows the same features"
        )
    names = [f"{column.name}_{number}" for number in range(width)]
    wide = lists.list.to_struct(fields=names).struct.unnest()
    return names, _columns(wide, places)


def _columns(table: pl.DataFrame, places: pl.Series) -> NDArray[np.float32]:
    for column in table:
        if not (column.dtype.is_numeric() or column.dtype == pl.String):
            raise ScreenError(
                f"{places[0]}: column {column.name!r} holds {column.dtype}, no numbers; name it "
                f"Metadata_{column.name}, or say with --features which columns are features"
            )
    numbers = table.select(pl.all().cast(pl.Float32, strict=False).fill_null(float("nan"))).to_numpy()
    faulty = np.argwhere(~np.isfinite(numbers))
    if len(faulty):
        row, feature = faulty[0].tolist()
        found = table[row, feature]
        raise ScreenError(
            f"{places[row]}: {table.columns[feature]} is {'empty' if found is None else found}; features are "
            f"finite numbers, so mend the row or leave it out (such rows: {len(np.unique(faulty[:, 0]))})"
        )
    return np.ascontiguousarray(numbers, dtype=np.float32)


def _require_distinct(keys: pl.DataFrame, places: pl.Series) -> None:
    joined = _joined(keys)
    if joined.null_count():
        raise ScreenError(f"{places[int(joined.is_null().arg_true()[0])]}: {' or '.join(keys.columns)} is empty")
    second = (~joined.is_first_distinct()).arg_true()
    if len(second):
        row = int(second[0])
        first = int((joined == joined[row]).arg_true()[0])
        raise ScreenError(
            f"{places[row]}: {' and '.join(keys.columns)} {joined[row]!r} stands already at {places[first]}; "
            "keep one of the rows"
        )


def _joined(keys: pl.DataFrame) -> pl.Series:
    """The keys as one name each, wells spelt alike: `A1` is `A01`; null where one is empty."""
    if "well" in keys.columns:
        spelt: dict[str, str] = {}
        for well in keys["well"].drop_nulls().unique():
            with suppress(ScreenError):
                spelt[well] = well_name(well)
        keys = keys.with_columns(pl.col("well").replace(spelt))
    return keys.select(key=pl.concat_str(pl.all(), separator="/"))["key"]
