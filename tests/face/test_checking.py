"""`deepnoise screen check` on planted faults and on real folders: what people and programs read, what is kept."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import numpy as np
import polars as pl
import pytest
from PIL import Image

from deepnoise_core.data.simulator import PRESETS, NoiseOptions, simulate, write_screen

Run = Callable[..., CompletedProcess[str]]


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A simulated screen without any fault."""
    noise = NoiseOptions(empty_wells=0.0, out_of_focus=0.0, experiment_gain=0.0)
    folder = tmp_path_factory.mktemp("checked") / "clean"
    write_screen(simulate(PRESETS["tiny"].model_copy(update={"noise": noise}), 0), folder)
    return folder


@pytest.fixture
def faulty(clean: Path, tmp_path: Path) -> Path:
    """A copy with a damaged, a doubled, a constant and a missing image."""
    folder = Path(shutil.copytree(clean, tmp_path / "faulty"))
    plate = folder / "images" / "HUVEC-01" / "Plate1"
    (plate / "B03_s1_w2.png").write_bytes(b"")
    shutil.copy(plate / "B04_s1_w5.png", plate / "C02_s2_w5.png")
    Image.fromarray(np.full((32, 32), 7, np.uint8)).save(plate / "C03_s1_w1.png")
    (plate / "C03_s2_w4.png").unlink()
    return folder


def checked(deepnoise: Run, *words: object) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(deepnoise("screen", "check", *words, "--json").stdout)
    return found


def test_a_clean_screen_exits_with_0(clean: Path, tmp_path: Path, deepnoise: Run) -> None:
    done = deepnoise("screen", "check", clean, "--exclude-to", tmp_path / "bad.csv")
    assert (done.returncode, "nothing found in" in done.stdout) == (0, True), done.stdout
    assert (tmp_path / "bad.csv").read_text() == "site_id,reason\n"
    found = checked(deepnoise, clean)
    assert (found["findings"], found["counts"], found["unjudged"], found["sites"]) == ([], {}, [], 160)


def test_people_read_counts_then_places(faulty: Path, deepnoise: Run) -> None:
    done = deepnoise("screen", "check", faulty)
    assert done.returncode == 1
    for part in ("left out", "unreadable", "same pixels", "constant", "is 7 everywhere", "B03_s1_w2"):
        assert part in done.stdout
    assert f"4 errors and 1 warning in 159 sites of {faulty}" in done.stdout
    assert "Traceback" not in done.stderr


def test_programs_read_everything(faulty: Path, deepnoise: Run) -> None:
    found = checked(deepnoise, faulty)
    assert found["counts"] == {"left out": 1, "unreadable": 1, "same pixels": 2, "constant": 1}
    assert found["reader"] == "rxrx1"
    places = {(one["check"], one["site"], one["channel"]) for one in found["findings"]}
    assert places == {
        ("left out", "HUVEC-01_1_C03_2", None),
        ("unreadable", "HUVEC-01_1_B03_1", "endoplasmic_reticulum"),
        ("same pixels", "HUVEC-01_1_B04_1", "mitochondria"),
        ("same pixels", "HUVEC-01_1_C02_2", "mitochondria"),
        ("constant", "HUVEC-01_1_C03_1", "nuclei"),
    }
    damaged = next(one for one in found["findings"] if one["check"] == "unreadable")
    assert damaged["file"].endswith("HUVEC-01/Plate1/B03_s1_w2.png")
    assert (damaged["experiment"], damaged["plate"], damaged["well"]) == ("HUVEC-01", "1", "B03")


def test_what_is_excluded_can_be_trained_without(faulty: Path, tmp_path: Path, deepnoise: Run) -> None:
    bad = tmp_path / "bad.csv"
    done = deepnoise("screen", "check", faulty, "--exclude-to", bad)
    assert f"4 sites to leave out are in {bad}" in done.stderr.replace("\n", "")
    listed = pl.read_csv(bad)
    assert listed.columns == ["site_id", "reason"]
    assert listed["site_id"].to_list() == [f"HUVEC-01_1_{site}" for site in ("B03_1", "B04_1", "C02_2", "C03_1")]
    run = tmp_path / "run"
    out = ("--screen", faulty, "--out", run, "--device", "cpu", "--set", "train.epochs=1")
    done = deepnoise("train", "tiny", *out, "--exclude", bad)
    assert done.returncode == 0, done.stderr
    assert len(json.loads((run / "run.json").read_text())["screen"]["dropped"]) == 5


def test_no_list_is_overwritten(faulty: Path, tmp_path: Path, deepnoise: Run) -> None:
    (tmp_path / "bad.csv").write_text("mine")
    done = deepnoise("screen", "check", faulty, "--exclude-to", tmp_path / "bad.csv")
    assert (done.returncode, "already exists" in done.stderr) == (2, True)
    assert (tmp_path / "bad.csv").read_text() == "mine"


def test_exchanged_channels_of_a_plate_are_named(clean: Path, tmp_path: Path, deepnoise: Run) -> None:
    folder = Path(shutil.copytree(clean, tmp_path / "exchanged"))
    for nuclei in (folder / "images" / "RPE-01" / "Plate3").glob("*_w1.png"):
        actin = nuclei.with_name(nuclei.name.replace("_w1", "_w3"))
        aside = nuclei.rename(nuclei.with_suffix(".aside"))
        actin.rename(nuclei)
        aside.rename(actin)
    (finding,) = checked(deepnoise, folder)["findings"]
    assert (finding["check"], finding["experiment"], finding["plate"]) == ("channel order", "RPE-01", "3")
    assert "nuclei looks like actin, actin looks like nuclei" in finding["message"]


def test_long_lists_are_cut_for_people_alone(clean: Path, tmp_path: Path, deepnoise: Run) -> None:
    folder = Path(shutil.copytree(clean, tmp_path / "many"))
    for path in (folder / "images" / "HUVEC-02").rglob("*_w6.png"):
        path.write_bytes(b"")
    done = deepnoise("screen", "check", folder)
    assert "Unreadable, the first 10 of 40" in done.stdout
    assert checked(deepnoise, folder)["counts"] == {"unreadable": 40}


def test_the_real_images_have_missing_channels_and_nothing_else(
    shared: Callable[[str], Path], tmp_path: Path, deepnoise: Run
) -> None:
    bad = tmp_path / "bad.csv"
    found = checked(deepnoise, shared("rxrx1_images"), "--exclude-to", bad)
    assert found["counts"] == {"left out": 8}
    assert {one["message"][-28:] for one in found["findings"]} == {" B02_s2_w5.png, B02_s2_w6.png"[-28:]}
    assert pl.read_csv(bad).height == 0
    assert found["unjudged"] == ["out of focus, empty: 8 of 8 plates have fewer than 8 sites to compare"]


@pytest.mark.parametrize("name", ["rxrx1_kaggle", "rxrx1_metadata"])
def test_metadata_alone_tell_the_leak_of_rxrx1(name: str, shared: Callable[[str], Path], deepnoise: Run) -> None:
    found = checked(deepnoise, shared(name))
    assert found["counts"] == {"no images": 1, "layout": 3}
    leaks = [one["experiment"] for one in found["findings"] if one["check"] == "layout"]
    assert leaks == ["HUVEC-07", "HUVEC-18", "RPE-03"]


@pytest.mark.parametrize("name", ["nf1_images", "examplehuman_cc0"])
def test_other_peoples_images_are_fine(name: str, shared: Callable[[str], Path], deepnoise: Run) -> None:
    done = deepnoise("screen", "check", shared(name))
    assert done.returncode == 0, done.stdout
    assert "too few others to be compared with" in done.stdout
