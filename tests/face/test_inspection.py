"""`deepnoise screen inspect` against the simulator's known layout and real tables."""

import json
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import polars as pl
from PIL import Image

import deepnoise as dn
from deepnoise.inspection import inspect_screen, plate_lines

Run = Callable[..., CompletedProcess[str]]


def test_the_figures_are_those_of_the_table(tiny_screen: Path, deepnoise: Run) -> None:
    done = deepnoise("screen", "inspect", tiny_screen, "--json")
    found = json.loads(done.stdout)
    table = pl.read_csv(tiny_screen / "metadata.csv")
    assert found["sites"] == table.height
    assert found["wells"] == table["well_id"].n_unique()
    assert found["image"] == [32, 32, "uint8"]
    assert found["perturbations"] == 12
    for column, source in [("cell_type", "cell_type"), ("role", "well_type"), ("dataset", "dataset")]:
        counts = table.unique("well_id")[source].value_counts().rows()
        assert found["by"][column] == dict(counts)


def test_people_see_tables_a_plate_and_a_montage(tiny_screen: Path, tmp_path: Path, deepnoise: Run) -> None:
    done = deepnoise("screen", "inspect", tiny_screen, "--montage", tmp_path / "sites.png")
    assert done.returncode == 0, done.stderr
    assert "Wells by role" in done.stdout
    assert "plate 1 of HUVEC-01" in done.stdout
    assert "- negative control" in done.stdout
    with Image.open(tmp_path / "sites.png") as image:
        image.verify()
    done = deepnoise("screen", "inspect", tiny_screen, "--montage", tmp_path / "sites.png")
    assert done.returncode == 2
    assert "already exists" in done.stderr


def test_real_plates_show_their_controls_in_their_wells(shared: Callable[[str], Path]) -> None:
    screen = dn.open_screen(shared("rxrx1_metadata"))
    found = inspect_screen(screen)
    assert (found.wells, found.plates, found.image) == (62_755, 204, None)
    assert found.by["role"] == {"negative_control": 246, "positive_control": 6097, "treatment": 56_412}
    title, *rows, legend = plate_lines(screen, "HEPG2-08", "1")
    assert title == "plate 1 of HEPG2-08"
    assert len(rows) == 16
    assert rows[1][3:6] == ".-o"
    controls = {(row[1], column - 2) for row in rows for column, mark in enumerate(row) if mark == "+"}
    assert controls == {(letter, column) for letter in "CFHJM" for column in (3, 7, 11, 15, 19, 22)}
    assert "unknown" not in legend


def test_channels_missing_on_disk_are_counted(shared: Callable[[str], Path], deepnoise: Run) -> None:
    found = json.loads(deepnoise("screen", "inspect", shared("rxrx1_images"), "--json").stdout)
    assert (found["sites"], found["dropped"], found["image"]) == (8, 8, [512, 512, "uint8"])
