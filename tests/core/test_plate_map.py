"""Plate maps against joins done by hand, and with the faults of hand-made files."""

import re
from pathlib import Path

import polars as pl
import pytest

from deepnoise_core.contracts.errors import ScreenError
from deepnoise_core.data.plate_format import well_name
from deepnoise_core.data.plate_map import with_plate_map

SITES = pl.DataFrame(
    [
        ("E1", "1", "B02", 1),
        ("E1", "1", "B02", 2),
        ("E1", "1", "B03", 1),
        ("E1", "2", "B02", 1),
        ("E2", "1", "AA05", 1),
    ],
    schema=["experiment", "plate", "well", "site"],
    orient="row",
)


def write(folder: Path, text: str) -> Path:
    (folder / "map.csv").write_text(text)
    return folder / "map.csv"


def test_wells_alone_are_a_map_of_every_plate(tmp_path: Path) -> None:
    path = write(tmp_path, "well,perturbation,role\nb2,TP53,treatment\nB3,,untreated\nH12,KIF11,treatment\n")
    joined = with_plate_map(SITES, path)
    assert joined.columns == [*SITES.columns, "perturbation", "role"]
    assert joined.select(SITES.columns).equals(SITES)
    assert joined["perturbation"].to_list() == ["TP53", "TP53", None, "TP53", None]
    assert joined["role"].to_list() == ["treatment", "treatment", "untreated", "treatment", None]


@pytest.mark.parametrize("name", ["map.csv", "map.parquet"])
def test_plates_and_experiments_are_keys_where_given(name: str, tmp_path: Path) -> None:
    table = pl.DataFrame(
        {"plate": [1, 2, 1], "experiment": ["E1", "E1", "E2"], "well": ["B2", "B2", "AA5"], "dose": [0.5, 1, 2]}
    )
    if name == "map.csv":
        table.write_csv(tmp_path / name)
    else:
        table.write_parquet(tmp_path / name)
    doses = with_plate_map(SITES, tmp_path / name)["dose"].cast(pl.Float64)
    assert doses.to_list() == [0.5, 0.5, None, 1, 2]


def test_filled_cells_replace_and_empty_ones_do_not(tmp_path: Path) -> None:
    path = write(tmp_path, "well,perturbation\nB02,\nB03,new\n")
    joined = with_plate_map(SITES.with_columns(perturbation=pl.lit("old")), path)
    assert joined["perturbation"].to_list() == ["old", "old", "new", "old", "old"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("wel,role\nB02,treatment\n", "map.csv:1: column 'well' is missing; the file has 'wel', 'role'"),
        ("well,site\nB02,1\n", "map.csv: a plate map has one row a well and no 'site'; remove the column"),
        ("well,role\nB02,\nB03,dmso\n", "map.csv:3: role 'dmso' is unknown; allowed are treatment, positive"),
        ("well,dose\nB02,1\n22,1\n", "map.csv:3: '22' is no well"),
        ("well,dose\nB02,1\nB2,1\n", "map.csv:3: well 'B02' stands there already"),
        ("plate,well\n,B02\n", "map.csv:2: plate is empty"),
        ("plate,well\n01,B02\n", "its first is plate '01' well 'B02', the screen's is plate '1' well 'B02'"),
    ],
)
def test_faults_are_named(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(ScreenError, match=re.escape(message)):
        with_plate_map(SITES, write(tmp_path, text))


def test_faults_of_parquet_are_named(tmp_path: Path) -> None:
    path = tmp_path / "map.parquet"
    pl.DataFrame({"well": ["B02", "x"]}).write_parquet(path)
    with pytest.raises(ScreenError, match=r"map\.parquet, row 2: 'x' is no well"):
        with_plate_map(SITES, path)


@pytest.mark.parametrize(("well", "name"), [("a1", "A01"), ("B002", "B02"), ("AF48", "AF48"), ("aa9", "AA09")])
def test_wells_have_one_name(well: str, name: str) -> None:
    assert well_name(well) == name
