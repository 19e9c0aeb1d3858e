"""The competition's release: wells in up to four CSV files, images under `train/` and `test/`."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from deepnoise_core.contracts.errors import ScreenError
from deepnoise_core.contracts.screens import Role
from deepnoise_core.data.tables import column_names, places_in, read_csv
from deepnoise_plugins.rxrx1.layouts import Listing

WELL_COLUMNS = ("id_code", "experiment", "plate", "well")
"""Columns that every file of the release has."""


def treatment_files(folder: Path) -> list[Path]:
    """Which of `train.csv` and `test.csv` a folder holds; one of them makes a release."""
    return [folder / name for name in ("train.csv", "test.csv") if (folder / name).is_file()]


def is_kaggle_table(file: Path) -> bool:
    """Whether the first line of a file names `WELL_COLUMNS`; false where it cannot be read."""
    return column_names(file) >= set(WELL_COLUMNS)


def read_kaggle(folder: Path, sites: tuple[int, ...]) -> Listing:
    """The wells of all CSV files in a folder, each with `sites`.

    `sirna` becomes the perturbation as it stands: `513` or `sirna_250`, by release. It is null in
    `test.csv`, whose labels were never given out. The cell type is the experiment's prefix.

    Raises:
        ScreenError: as `read_csv`; a well of `train.csv` or of the controls has no siRNA; an experiment is
            not named like `HUVEC-01`.
    """
    wells = pl.concat([_wells(folder, "train"), _wells(folder, "test")], how="diagonal")
    wells = wells.with_columns(cell_type=pl.col("experiment").str.extract("^(.+)-[0-9]+$"))
    _refuse(
        wells,
        pl.col("cell_type").is_null() & pl.col("experiment").is_not_null(),
        "experiment",
        "does not tell its cell type; name it like HUVEC-01",
    )
    listed = wells.join(pl.DataFrame({"site": sorted(set(sites))}), how="cross", maintain_order="left_right")
    return Listing(
        sites=listed.rename({"id_code": "well_id", "sirna": "perturbation"}).drop("place"),
        places=listed["place"],
        source=str(folder),
        image_root=folder,
        image_folders=(folder / "train", folder / "test"),
        plate_folder=pl.concat_str("dataset", pl.lit("/"), "experiment", pl.lit("/Plate"), "plate"),
    )


def _wells(folder: Path, dataset: str) -> pl.DataFrame:
    """Treatments and controls of one dataset; no row where neither file is there."""
    tables = [pl.DataFrame(schema=dict.fromkeys((*WELL_COLUMNS, "sirna", "role", "place"), pl.String))]
    treatments, controls = folder / f"{dataset}.csv", folder / f"{dataset}_controls.csv"
    if treatments.is_file():
        labels = ("sirna",) if dataset == "train" else ()
        tables.append(_table(treatments, labels).with_columns(role=pl.lit(Role.TREATMENT.value)))
    if controls.is_file():
        tables.append(_table(controls, ("sirna", "well_type")).rename({"well_type": "role"}))
    return pl.concat(tables, how="diagonal").with_columns(dataset=pl.lit(dataset))


def _table(file: Path, labels: tuple[str, ...]) -> pl.DataFrame:
    """The wells of one file and the place of each; every column of `labels` is there and filled."""
    table = read_csv(file, (*WELL_COLUMNS, *labels))
    table = table.with_columns(places_in(file, table.height))
    for name in labels:
        _refuse(table, pl.col(name).is_null(), name, "is no label; every well of this file needs one")
    return table


def _refuse(table: pl.DataFrame, fault: pl.Expr, column: str, message: str) -> None:
    faulty = table.filter(fault)
    if not faulty.is_empty():
        value = faulty[column][0]
        found = "(empty)" if value is None else repr(value)
        raise ScreenError(f"{faulty['place'][0]}: {column} {found} {message}")
