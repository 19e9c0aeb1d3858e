"""`deepnoise screen inspect` against the simulator's known layout and real tables."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import numpy as np
import polars as pl
import pytest
from PIL import Image

import deepnoise as dn
from deepnoise.inspection import inspect_screen
from deepnoise.plate_text import plate_lines
from deepnoise_core.contracts import Role, Screen
from deepnoise_core.data.sites import site_table
from deepnoise_core.data.stores import ArrayStore

Run = Callable[..., CompletedProcess[str]]


def test_the_figures_are_those_of_the_table(tiny_screen: Path, deepnoise: Run) -> None:
    done = deepnoise("screen", "inspect", tiny_screen, "--json")
    found = json.loads(done.stdout)
    table = pl.read_csv(tiny_screen / "metadata.csv")
    assert found["sites"] == table.height
    assert found["wells"] == table["well_id"].n_unique()
    assert found["image"] == [32, 32, "uint8"]
    assert found["bits"] == 8
    assert found["sites_per_well"] == [2, 2]
    assert found["stains"]["nuclei"] == "Hoechst"
    assert found["options"] == {"missing": "drop", "sites": [1, 2]}
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
    assert "3 actin (phalloidin)" in done.stdout
    assert "160 usable, 2 a well; 0 left out" in done.stdout
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
    title, tens, units, *rows, legend = plate_lines(screen, "HEPG2-08", "1")
    assert title == "plate 1 of HEPG2-08"
    assert len(rows) == 16
    assert rows[1][3:8] == ". - o"
    controls = {(row[1], (place - 1) // 2) for row in rows for place, mark in enumerate(row) if mark == "+"}
    assert controls == {(letter, column) for letter in "CFHJM" for column in (3, 7, 11, 15, 19, 22)}
    assert (tens[3 + 2 * 22], units[3 + 2 * 22]) == ("2", "3")
    assert "unknown" not in legend


def plate(*wells: str) -> Screen:
    table = pl.DataFrame(
        {"experiment": "A", "plate": "1", "well": wells, "site": 1, "role": Role.TREATMENT.value}
    )
    pixels = np.zeros((len(wells), 1, 8, 8), dtype=np.uint16)
    return Screen(site_table(table, "table"), ("w1",), ArrayStore(pixels), "here")


@pytest.mark.parametrize(
    ("corner", "rows", "width"), [("B3", 2, 8), ("D06", 4, 14), ("H12", 8, 26), ("P24", 16, 50), ("AF48", 32, 51)]
)
def test_any_plate_fits_a_terminal(corner: str, rows: int, width: int) -> None:
    lines = plate_lines(plate("A01", corner), "A", "1")
    assert max(len(line) for line in lines[1:]) == max(width, len("   o treatment, . no site"))
    marked = [line for line in lines if re.match("^[ A-Z]{2} [o.]", line) and line != lines[-1]]
    assert len(marked) == rows
    assert marked[0][3] == marked[-1].rstrip()[-1] == "o"
    assert marked[-1].split()[0] == corner.rstrip("0123456789")


def test_names_that_are_no_wells_hide_no_plate() -> None:
    lines = plate_lines(plate("A1", "blank", "B2"), "A", "1")
    assert "no wells by their names: 'blank'" in lines[-1]
    assert " B . o ." in lines
    assert plate_lines(plate("blank"), "A", "1")[1:] == ["   no wells by their names: 'blank'"]


def test_a_reader_can_be_named_and_told(tiny_screen: Path, deepnoise: Run) -> None:
    told = json.loads(deepnoise("screen", "inspect", tiny_screen, "--option", "sites=[2]", "--json").stdout)
    assert (told["sites"], told["dropped"], told["options"]["sites"]) == (80, 80, [2])
    words = ("--reader", "rxrx1", "--option", "sites=[1]", "missing=error", "--json")
    told = json.loads(deepnoise("screen", "inspect", tiny_screen, *words).stdout)
    assert told["options"] == {"missing": "error", "sites": [1]}


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["--reader", "rxrx"], ["no reader is named 'rxrx'", "rxrx1"]),
        (["--option", "site=[1]"], ["--option", "site", "did you mean 'sites'"]),
        (["--option", "sites=all"], ["--option", "sites"]),
        (["--option", "sites"], ["'sites' is not KEY=VALUE"]),
        (["--option", "sites=[1"], ["--option sites", "not YAML"]),
    ],
)
def test_a_wrong_option_is_explained(
    words: list[str], parts: list[str], tiny_screen: Path, deepnoise: Run
) -> None:
    for command in ("inspect", "check"):
        done = deepnoise("screen", command, tiny_screen, *words)
        assert done.returncode == 2
        for part in parts:
            assert part in done.stderr


def test_channels_missing_on_disk_are_counted(shared: Callable[[str], Path], deepnoise: Run) -> None:
    found = json.loads(deepnoise("screen", "inspect", shared("rxrx1_images"), "--json").stdout)
    assert (found["sites"], found["dropped"], found["image"]) == (8, 8, [512, 512, "uint8"])


@pytest.mark.parametrize("name", ["nf1_images", "examplehuman_cc0"])
def test_other_peoples_images_are_shown(
    name: str, shared: Callable[[str], Path], tmp_path: Path, deepnoise: Run
) -> None:
    done = deepnoise("screen", "inspect", shared(name), "--montage", tmp_path / "sites.png", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    size = {"nf1_images": [904, 1224, "uint16"], "examplehuman_cc0": [512, 512, "uint8"]}[name]
    assert (len(found["channels"]), found["image"], found["reader"]) == (3, size, "file-names")
    with Image.open(tmp_path / "sites.png") as image:
        assert 600 < image.size[0] < 2400


def test_looking_at_a_screen_imports_no_torch(
    tiny_screen: Path, python: Callable[..., CompletedProcess[str]]
) -> None:
    program = "import sys, deepnoise as dn; dn.open_screen(sys.argv[1]); print('torch' in sys.modules)"
    done = python("-c", program, tiny_screen)
    assert (done.returncode, done.stdout.strip()) == (0, "False"), done.stderr
