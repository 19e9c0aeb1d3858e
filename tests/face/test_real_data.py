"""Real RxRx1 files, read in place."""

import json
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import polars as pl

import deepnoise as dn

Run = Callable[..., CompletedProcess[str]]

PLATES = "HEPG2-01/2,HUVEC-01/2,RPE-01/2,U2OS-01/2"


def test_cell_types_are_learned_from_real_images(
    shared: Callable[[str], Path], tmp_path: Path, deepnoise: Run
) -> None:
    screen = shared("rxrx1_images")
    split = [
        "data.split.column=null",
        "data.split.folds=null",
        "data.split.unit=plate",
        f"data.split.validation=[{PLATES}]",
    ]
    sets = ["data.target=cell_type", "data.image_size=64", *split, "postprocessors=[site-mean]"]
    done = deepnoise("train", "tiny", "--screen", screen, "--out", tmp_path / "run", "--set", *sets)
    assert done.returncode == 0, done.stderr
    assert "left out 8 sites" in done.stderr
    dropped = json.loads((tmp_path / "run" / "run.json").read_text())["screen"]["dropped"]
    assert len(dropped) == 8
    assert all("_w5.png" in reason and "_w6.png" in reason for reason in dropped.values())
    done = deepnoise("predict", tmp_path / "run", "--screen", screen, "--out", tmp_path / "predictions")
    assert done.returncode == 0, done.stderr
    table = pl.read_parquet(tmp_path / "predictions" / "predictions.parquet")
    assert table.height == 8
    assert set(table["raw"]) <= {"HEPG2", "HUVEC", "RPE", "U2OS"}
    done = deepnoise("evaluate", tmp_path / "predictions", "--json")
    assert json.loads(done.stdout)["wells"] == 4


def test_the_real_metadata_open_without_their_images(shared: Callable[[str], Path]) -> None:
    screen = dn.open_screen(shared("rxrx1_metadata"))
    assert len(screen) == 125_510
    assert screen.sites["experiment"].n_unique() == 51
    assert screen.sites.select("experiment", "plate").n_unique() == 204
    treatments = screen.sites.filter(pl.col("role") == "treatment")
    assert treatments["perturbation"].drop_nulls().n_unique() == 1108
    composition = dn.compose(
        dn.load_recipe("tiny", sets=["data.split.folds=null"]), screen.take(range(len(screen)))
    )
    assert [len(group) for group in composition.design.groups] == [277] * 4
    assert composition.design.exclusive


def test_controls_of_the_real_layout_are_31_further_classes(shared: Callable[[str], Path]) -> None:
    screen = dn.open_screen(shared("rxrx1_metadata"))
    roles = "data.roles=[treatment,positive_control,negative_control]"
    sets = ["data.split.folds=null", "data.condition=cell_type", roles]
    composition = dn.compose(dn.load_recipe("tiny", sets=sets), screen)
    target = composition.target
    assert (len(target.classes), target.num_treatments, len(target.control_classes)) == (1139, 1108, 31)
    assert composition.conditions == ("HEPG2", "HUVEC", "RPE", "U2OS")
    assert [len(group) for group in composition.design.groups] == [277] * 4
    assert composition.design.exclusive
