"""`deepnoise disentangle`: two tables, JSON and a picture of signal and noise."""

import json
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import numpy as np
import pytest
from PIL import Image

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


def test_wells_never_trained_on_count_by_themselves(tiny_predictions: Path, deepnoise: Run) -> None:
    done = deepnoise("disentangle", tiny_predictions, "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert list(found["steps"]) == ["as predicted"]
    assert any("part test" in note for note in found["notes"])
    assert found["steps"]["as predicted"]["rows"] < 48


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
