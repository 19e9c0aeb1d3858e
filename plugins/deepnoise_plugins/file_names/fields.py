"""What the names of files and folders say: a row a file, a column a field."""

from __future__ import annotations

import re
from pathlib import Path

import polars as pl

from deepnoise_core.contracts.errors import ScreenError
from deepnoise_core.data.names import natural_key
from deepnoise_core.data.plate_format import row_name, well_name
from deepnoise_plugins.file_names.conventions import stems, whole

PLACE = ("experiment", "plate", "well", "site")
"""Columns that name a site."""


def read_fields(files: pl.Series, pattern: str, root: Path) -> pl.DataFrame:
    """The fields of the files whose names match a pattern; others are left out.

    Plates are what the pattern's group says, or else the folder of a file, or what stands before the well in its
    name, or the screen's folder; experiments are the folders of plates. Folders by which microscopes part images
    within a plate (`Images`, `TimePoint_2`, `ZStep_1`) are seen through, and their numbers read.

    Args:
        files: paths below `root`, strings [n].
        pattern: of a path without its ending; its groups are the fields.
        root: folder of the screen.

    Returns:
        Sites in order. Columns `name`, those of `PLACE`, `channel` and `order` (null where the pattern has none),
        `z` and `t` (null where nothing tells).

    Raises:
        ScreenError: a well, row, column, site, z plane or time point is none; names the file.
    """
    try:
        found = stems(files).str.extract_groups(whole(pattern)).struct.unnest()
    except pl.exceptions.ComputeError as error:
        raise ScreenError(
            f"{root}: the option pattern is not understood ({error}); write it without look-around"
        ) from None
    matched = stems(files).str.contains(whole(pattern))
    fields = found.with_columns(name=files).filter(matched)
    lacking = [name for name in _FIELDS if name not in fields.columns]
    fields = fields.with_columns(pl.lit(None, dtype=pl.String).alias(name) for name in lacking)
    fields = _placed(fields, root)
    fields = fields.with_columns(_wells(fields, root), pl.col("site").fill_null("1"))
    numbers = [_whole_numbers(fields, name, root) for name in ("site", *_NUMBERS)]
    return _sorted(fields.select("name", *PLACE, "channel", *_NUMBERS).with_columns(numbers))


_NUMBERS = ("order", "z", "t")
_FIELDS = ("experiment", "plate", "prefix", "well", "row", "col", "site", "channel", *_NUMBERS)
_WITHIN_PLATES = re.compile(r"images|timepoint_(?P<t>\d+)|zstep_(?P<z>\d+)", re.IGNORECASE)


def _placed(fields: pl.DataFrame, root: Path) -> pl.DataFrame:
    """With plate and experiment where folders tell them, and z and t likewise."""
    folders = fields["name"].str.replace("/?[^/]*$", "")
    known = pl.DataFrame([_read_folder(folder) for folder in folders.unique()], schema=_FOLDER, orient="row")
    joined = fields.with_columns(folder=folders).join(known, on="folder", maintain_order="left")
    named = pl.col("plate").is_not_null()
    here = pl.lit(root.name or "screen")
    return joined.with_columns(
        plate=pl.coalesce("plate", "plate_folder", "prefix", here),
        experiment=pl.coalesce(
            "experiment", pl.when(named).then("plate_path").otherwise("experiment_folder"), here
        ),
        z=pl.coalesce("z", "z_folder"),
        t=pl.coalesce("t", "t_folder"),
    )


_FOLDER = dict.fromkeys(
    ("folder", "plate_path", "plate_folder", "experiment_folder", "z_folder", "t_folder"), pl.String
)


def _read_folder(folder: str) -> tuple[str | None, ...]:
    """What a folder below the screen's says, in the order of `_FOLDER`."""
    parts = folder.split("/") if folder else []
    numbers: dict[str, str | None] = {}
    while parts and (within := _WITHIN_PLATES.fullmatch(parts[-1])):
        numbers |= {key: value for key, value in within.groupdict().items() if value}
        parts.pop()
    names = ["_".join(parts) or None, parts[-1] if parts else None, "_".join(parts[:-1]) or None]
    return folder, *names, numbers.get("z"), numbers.get("t")


def _wells(fields: pl.DataFrame, root: Path) -> pl.Series:
    """Names like `B02`, whether a well is named or its row and column are."""
    spelt = fields.select(pl.coalesce("well", pl.concat_str("row", pl.lit("|"), "col")).alias("well"))["well"]
    known = spelt.unique()
    wells = dict(zip(known.to_list(), (_well(spelling) for spelling in known), strict=True))
    named = spelt.replace_strict(wells, return_dtype=pl.String)
    if named.has_nulls():
        row = int(named.is_null().arg_true()[0])
        raise ScreenError(
            f"{root / fields['name'][row]}: {spelt[row].replace('|', ', ')!r} is no well; wells are a row and a "
            "column, as in B02"
        )
    return named.alias("well")


def _well(spelling: str) -> str | None:
    row, parted, column = spelling.partition("|")
    if parted and row.isdecimal() and int(row):
        row = row_name(int(row) - 1)
    try:
        return well_name(row + column)
    except (ScreenError, IndexError):
        return None


def _sorted(fields: pl.DataFrame) -> pl.DataFrame:
    """By site, as a person counts: plate 2 before plate 10, row Z before row AA."""
    ranks = []
    for name in ("experiment", "plate"):
        known = sorted(fields[name].unique(), key=natural_key)
        ranks.append(fields[name].replace_strict(known, range(len(known)), return_dtype=pl.Int64))
    return fields.sort(*ranks, pl.col("well").str.len_bytes(), "well", "site", "name")


def _whole_numbers(fields: pl.DataFrame, name: str, root: Path) -> pl.Series:
    numbers = fields[name].cast(pl.Int64, strict=False)
    faulty = (numbers.is_null() & fields[name].is_not_null()).arg_true()
    if len(faulty):
        row = int(faulty[0])
        raise ScreenError(
            f"{root / fields['name'][row]}: {name} is {fields[name][row]!r}, not a whole number; mend the pattern"
        )
    return numbers
