"""`deepnoise disentangle`: two tables, JSON and a picture of signal and noise."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from subprocess import CompletedProcess

import numpy as np
import pytest
from PIL import Image

import deepnoise as dn
from deepnoise.api import installed
from deepnoise.corrections import built_steps, named_steps
from deepnoise.disentanglement import measure_steps, usual_steps
from deepnoise_core.contracts.errors import InputError, PredictionsError
from deepnoise_core.data.prediction_table import read_predictions

Run = Callable[..., CompletedProcess[str]]

STEPS = ("--steps", "center-scale,sphering", "--option", "center-scale.level=experiment")
WIDER = ("center-scale.reference=all", "sphering.reference=all")


def test_steps_are_measured_one_upon_the_other(tiny_predictions: Path, tmp_path: Path, deepnoise: Run) -> None:
    out, picture = tmp_path / "figures.json", tmp_path / "plane.png"
    done = deepnoise(
        "disentangle", tiny_predictions, "--part", "all", *STEPS, *WIDER, "-o", out, "--picture", picture
    )
    assert done.returncode == 0, done.stderr
    assert "Signal: what tells perturbations" in done.stdout
    assert "Noise: what tells experiments" in done.stdout
    assert "effective rank" in done.stdout
    assert "trained on some of these very wells" in done.stdout
    found = json.loads(out.read_text())
    assert list(found["steps"]) == ["as predicted", "center-scale", "sphering"]
    assert list(found["anchors"]) == ["random", "pure signal", "pure batch", "constant"]
    assert found["anchors"]["pure signal"]["signal"] == pytest.approx(1.0)
    shares = [one["figures"]["experiment_r2"]["value"] for one in found["steps"].values()]
    assert shares[1] == pytest.approx(0.0, abs=1e-6)
    assert shares[0] > 0.01
    assert len(np.unique(np.asarray(Image.open(picture).convert("RGB")).reshape(-1, 3), axis=0)) > 50


def test_wells_never_trained_on_count_by_themselves(
    tiny_predictions: Path, tmp_path: Path, deepnoise: Run
) -> None:
    picture = tmp_path / "plane.png"  # of one experiment, which leaves nothing to draw
    done = deepnoise("disentangle", tiny_predictions, "--json", "--picture", picture)
    assert done.returncode == 0, done.stderr
    assert picture.is_file()
    found = json.loads(done.stdout)
    assert list(found["steps"]) == ["as predicted"]
    assert any("part test" in note for note in found["notes"])
    assert found["steps"]["as predicted"]["rows"] < 48


def test_python_measures_folders_and_predictions_in_memory(tiny_predictions: Path, tiny_screen: Path) -> None:
    steps = [{"name": "center-scale", "options": {"level": "experiment", "reference": "all"}}]
    by_folder = dn.disentangle(tiny_predictions, steps=steps, part="all")
    predictions, _ = read_predictions(tiny_predictions)
    in_memory = dn.disentangle(predictions, tiny_screen, steps=steps, part="all")
    assert by_folder.as_dict() == in_memory.as_dict()
    assert list(by_folder.steps) == ["as predicted", "center-scale"]
    with pytest.raises(InputError, match="do not tell their screen"):
        dn.disentangle(predictions)
    with pytest.raises(InputError, match="centre-scale"):
        dn.disentangle(tiny_predictions, steps=["centre-scale"])
    with pytest.raises(InputError, match="levl"):
        dn.disentangle(tiny_predictions, steps=[{"name": "center-scale", "options": {"levl": "plate"}}])


def test_a_step_that_cannot_be_fitted_is_an_error_or_a_note(tiny_predictions: Path, tiny_screen: Path) -> None:
    predictions, _ = read_predictions(tiny_predictions)
    wells = np.flatnonzero(predictions.ids["role"] == "treatment")
    treatments, screen, catalogue = predictions.take(wells), dn.open_screen(tiny_screen), installed()
    steps = built_steps(named_steps("center-scale,sphering", ["sphering.reference=all"], catalogue), catalogue)
    with pytest.raises(PredictionsError, match="center-scale"):
        measure_steps(treatments, screen, steps, part="all")
    progress = measure_steps(treatments, screen, steps, part="all", leave_out=True)
    assert list(progress.steps) == ["as predicted", "sphering"]
    assert any(note.startswith("center-scale is left out") for note in progress.notes)


@pytest.mark.parametrize(
    ("roles", "reference"),
    [
        (["negative_control"] * 4 + ["positive_control"] * 4, "negative_controls"),
        (["negative_control"] * 2 + ["positive_control"] * 6, "controls"),
        (["negative_control"] * 3 + ["treatment"] * 5, "all"),
    ],
)
def test_usual_steps_measure_by_what_every_plate_has_enough_of(
    roles: list[str], reference: str, tiny_predictions: Path
) -> None:
    predictions = read_predictions(tiny_predictions)[0].take(np.arange(16) % 2)
    ids = {**predictions.ids, "plate": np.repeat(["1", "2"], 8), "role": np.array(roles * 2)}
    steps = usual_steps(replace(predictions, ids=ids))
    assert [(step["name"], step["options"]["reference"]) for step in steps] == [
        ("center-scale", reference),
        ("sphering", reference),
    ]


def test_a_step_may_come_again() -> None:
    catalogue = installed()
    steps = built_steps(named_steps("combat, center-scale,combat", None, catalogue), catalogue)
    assert list(steps) == ["combat", "center-scale", "combat (2)"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--steps", "center-scael"), "center-scale"),
        (("--steps", "plate-group"), "plate-group"),
        (("--option", "sphering.align=plate"), "'sphering' is none of the steps"),
        (("--steps", "sphering", "--option", "sphering.algin=plate"), "algin"),
        (("--part", "some"), "--part some is none of"),
    ],
)
def test_wrong_use_is_told(words: tuple[str, ...], message: str, tiny_predictions: Path, deepnoise: Run) -> None:
    done = deepnoise("disentangle", tiny_predictions, *words)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_nothing_is_overwritten(tiny_predictions: Path, tmp_path: Path, deepnoise: Run) -> None:
    taken = tmp_path / "taken.json"
    taken.write_text("mine")
    done = deepnoise("disentangle", tiny_predictions, "-o", taken)
    assert done.returncode == 2
    assert taken.read_text() == "mine"
