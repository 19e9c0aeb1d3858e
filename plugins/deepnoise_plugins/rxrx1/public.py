"""The public release: one `metadata.csv`, and images under `images/`."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from deepnoise_core.contracts.errors import ScreenError
from deepnoise_core.data.tables import column_names, places_in, read_csv
from deepnoise_plugins.rxrx1.layouts import Listing

COLUMNS = ("cell_type", "dataset", "experiment", "plate", "well", "site", "well_type", "sirna")
"""Columns that the metadata must have; `site_id`, `well_id` and `sirna_id` are used where given."""


def metadata_files(folder: Path) -> list[Path]:
    """Every `metadata*.csv` and `metadata*.csv.gz` of a folder, by name."""
    return sorted([*folder.glob("metadata*.csv"), *folder.glob("metadata*.csv.gz")])


def is_public_metadata(file: Path) -> bool:
    """Whether the first line of a file names all of `COLUMNS`; false where it cannot be read."""
    return column_names(file) >= set(COLUMNS)


def read_public(metadata: Path) -> Listing:
    """The sites of a metadata file; images are looked for in `images/` beside it.

    The perturbation is the name in `sirna`; an empty one is an unknown label.

    Raises:
        ScreenError: as `read_csv`, or a `sirna_id` is no whole number.
    """
    table = read_csv(metadata, COLUMNS)
    places = places_in(metadata, table.height)
    if "sirna_id" in table.columns:
        table = _with_sirna_numbers(table, places)
    root = metadata.parent / "images"
    return Listing(
        sites=table.rename({"well_type": "role", "sirna": "perturbation"}),
        places=places,
        source=str(metadata),
        image_root=root,
        image_folders=(root,),
        plate_folder=pl.concat_str("experiment", pl.lit("/Plate"), "plate"),
    )


def _with_sirna_numbers(table: pl.DataFrame, places: pl.Series) -> pl.DataFrame:
    numbers = table["sirna_id"].cast(pl.Int64, strict=False)
    faulty = (numbers.is_null() & table["sirna_id"].is_not_null()).arg_true()
    if len(faulty):
        row = int(faulty[0])
        raise ScreenError(f"{places[row]}: sirna_id is {table['sirna_id'][row]!r}; give a whole number")
    return table.with_columns(numbers)
