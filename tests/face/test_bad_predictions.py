"""Folders that are no sound predictions, before all that reads them; and places that cannot be written."""

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import numpy as np
import polars as pl
import pytest
from safetensors.numpy import load, save

from deepnoise_core.contracts import Predictions
from deepnoise_core.contracts.errors import PredictionsError
from deepnoise_core.data.prediction_table import read_predictions, write_predictions

Run = Callable[..., CompletedProcess[str]]
Change = Callable[[Path], object]


def record(**changes: Any) -> Change:
    """Change what is said of the predictions."""

    def change(folder: Path) -> None:
        said = json.loads((folder / "predictions.json").read_text())
        (folder / "predictions.json").write_text(json.dumps({**said, **changes}))

    return change


def provenance(**changes: Any) -> Change:
    """Change where they came from; None takes a field out."""

    def change(folder: Path) -> None:
        said = json.loads((folder / "predictions.json").read_text())["provenance"] | changes
        record(provenance={name: value for name, value in said.items() if value is not None})(folder)

    return change


def signed(change: Change) -> Change:
    """A change that the recorded hashes agree with."""

    def both(folder: Path) -> None:
        change(folder)
        names = json.loads((folder / "predictions.json").read_text())["sha256"]
        record(sha256={one: hashlib.sha256((folder / one).read_bytes()).hexdigest() for one in names})(folder)

    return both


def arrays(change: Callable[[dict[str, Any]], dict[str, Any]]) -> Change:
    """Change tensors by name."""

    def both(folder: Path) -> None:
        file = folder / "scores.safetensors"
        changed = change({name: array.copy() for name, array in load(file.read_bytes()).items()})
        file.write_bytes(save({name: np.ascontiguousarray(array) for name, array in changed.items()}))

    return signed(both)


def array(name: str, change: Callable[[Any], Any]) -> Change:
    """Change one tensor; where it is absent, the scores become it."""
    return arrays(lambda held: {**held, name: change(held.get(name, held["scores"]))})


def table(change: Callable[[pl.DataFrame], pl.DataFrame], name: str = "predictions.parquet") -> Change:
    """Change a table."""
    return signed(lambda folder: change(pl.read_parquet(folder / name)).write_parquet(folder / name))


def filled(row: int, column: int, value: float) -> Callable[[Any], Any]:
    def change(array: Any) -> Any:
        array[row, column] = value
        return array

    return change


def without(*names: str) -> Change:
    """Take id columns out."""

    def change(folder: Path) -> None:
        ids = json.loads((folder / "predictions.json").read_text())["ids"]
        record(ids={name: dtype for name, dtype in ids.items() if name not in names})(folder)

    return change


def cut(name: str) -> Change:
    return lambda folder: (folder / name).write_bytes((folder / name).read_bytes()[:-300])


def doubled(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.with_columns(pl.col("well_id").first())


def as_file(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.write_text("no folder")


UNREADABLE: dict[str, tuple[Change, str]] = {
    "nothing": (shutil.rmtree, "(predictions.json)|holds no predictions"),
    "a file": (as_file, "(predictions.json)|holds no predictions"),
    "NaN": (array("scores", filled(3, 1, np.nan)), "the scores of 1 of the .* rows are NaN or infinite, such as"),
    "+inf": (
        array("scores", filled(3, 1, np.inf)),
        "the scores of 1 of the .* rows are NaN or infinite, such as",
    ),
    "raw NaN": (array("raw_scores", filled(3, 1, np.nan)), "the scores of 1 of the .* rows are NaN or infinite"),
    "halves": (array("scores", lambda one: one.astype(np.float16)), r"scores are float16 .*, not float32"),
    "narrow raw scores": (array("raw_scores", lambda one: one[:, 1:]), r"raw_scores are float32 .* not float32"),
    "float labels": (
        array("stage.raw", lambda one: one.astype(np.float32)),
        "stage raw are float32 .* not int64",
    ),
    "short labels": (array("stage.raw", lambda one: one[1:]), "the stage raw are int64 .* not int64"),
    "label of no class": (
        array("stage.raw", lambda one: one + 900),
        "the stage raw names the class 9.., where there",
    ),
    "no stage": (arrays(lambda held: {"scores": held["scores"]}), "no class is named at any stage"),
    "class twice": (record(classes=["a"] * 12), "two classes have one name; predict again"),
    "too few classes": (record(classes=["a"]), "scores.safetensors holds .* 1 classes; predict again"),
    "wells twice": (table(doubled), "rows are of a well that has one already, such as .*; keep one row"),
    "no well_id": (without("well_id"), "there is no column 'well_id'; predict again"),
    "no role": (without("role", "plate"), "there is no column 'plate', 'role'; predict again"),
    "lost column": (table(lambda one: one.drop("plate")), r"predictions.parquet: is malformed \(.*plate"),
    "few embeddings": (table(lambda one: one.head(5), "embeddings.parquet"), "there are 5 embeddings of .* rows"),
    "cut table": (cut("predictions.parquet"), "predictions.parquet: was changed since it was written"),
    "cut table, signed": (signed(cut("predictions.parquet")), r"predictions.parquet: is malformed \(.*PAR1"),
    "cut embeddings, signed": (signed(cut("embeddings.parquet")), "embeddings.parquet: is malformed"),
    "cut scores, signed": (signed(cut("scores.safetensors")), "scores.safetensors: is malformed"),
    "later format": (record(format=2), "is of format 2, and this deepnoise reads format 1; update deepnoise"),
    "later minor format": (record(format=1.1), "is of format 1.1, and this deepnoise reads format 1; update"),
    "format in words": (record(format="new"), "is of format new, and this deepnoise reads format 1; update"),
    "temperature 0": (record(temperature=0), "predictions.json: temperature: Input should be greater than 0"),
    "temperature inf": (record(temperature=float("inf")), "predictions.json: temperature: .* finite"),
}
STRANGE: dict[str, tuple[Change, str]] = {
    "no screen": (provenance(screen=None), "predictions.json: provenance.screen: Field required; predict again"),
    "no reader": (provenance(reader=None), "predictions.json: provenance.reader: Field required; predict again"),
    "no target": (provenance(target=None), "predictions.json: provenance.target: Field required; predict again"),
    "odd options": (provenance(reader_options=[1]), "predictions.json: provenance.reader_options: .* dictionary"),
    "unknown reader": (provenance(reader="nonsense"), "no reader is named 'nonsense'"),
    "another screen": (
        table(lambda one: one.with_columns(well_id="X" + pl.col("well_id"))),
        "these predictions are of another screen|predicted wells are none of the screen",
    ),
}
COMMANDS: dict[str, list[str]] = {
    "evaluate": ["--out", "out.json"],
    "disentangle": ["-o", "out.json", "--picture", "out.png"],
    "profiles": ["-o", "out.csv"],
    "submit": ["-o", "out.csv"],
    "report": ["-o", "out.html", "--megabytes", "0", "--saliency", "0", "--layout", "pca"],
}


@pytest.fixture
def folder(tiny_predictions: Path, tmp_path: Path) -> Path:
    """A copy of predictions to damage."""
    return Path(shutil.copytree(tiny_predictions, tmp_path / "predictions"))


@pytest.mark.parametrize("name", UNREADABLE | STRANGE)
def test_unsound_predictions_are_one_message_of_every_command(
    name: str, folder: Path, tmp_path: Path, deepnoise: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    change, message = (UNREADABLE | STRANGE)[name]
    change(folder)
    before = sorted(tmp_path.rglob("*"))
    for command, options in COMMANDS.items():
        done = deepnoise(command, folder, *options)
        assert (done.returncode, done.stdout) == (2, ""), command
        with pytest.raises(PredictionsError, match=message):
            raise PredictionsError(done.stderr)
        assert len(done.stderr.splitlines()) == 1, done.stderr
        assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("name", UNREADABLE)
def test_unsound_predictions_are_not_read(name: str, folder: Path) -> None:
    change, _ = UNREADABLE[name]
    change(folder)
    with pytest.raises(PredictionsError, match=str(folder)):
        read_predictions(folder)


NEEDED: dict[str, tuple[Change, dict[str, str]]] = {
    "no part": (
        without("part"),
        dict.fromkeys(
            ["evaluate", "disentangle", "profiles"], "no column 'part', which tells what the model was"
        ),
    ),
    "no wells": (
        lambda folder: _replaced(folder, lambda made: made.take(np.arange(0))),
        {
            "evaluate": "no well that the model was not trained on has a 'perturbation' that it knows",
            "disentangle": "no treatment well of the part 'validation' has a known perturbation",
            "profiles": "there are no wells to hand over",
            "submit": "of the 12 test wells lack a prediction",
        },
    ),
    "unseen classes": (
        record(classes=[f"unseen {number}" for number in range(12)]),
        {
            "evaluate": "no well that the model was not trained on has a 'perturbation' that it knows",
            "submit": "12 classes have no number below 1,108: 'unseen 0'",
        },
    ),
}


def _replaced(folder: Path, change: Callable[[Predictions], Predictions]) -> None:
    made, origin = read_predictions(folder)
    shutil.rmtree(folder)
    write_predictions(change(made), folder, provenance=origin)


@pytest.mark.parametrize("name", NEEDED)
def test_what_a_command_needs_is_named(
    name: str, folder: Path, tmp_path: Path, deepnoise: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    change, messages = NEEDED[name]
    change(folder)
    before = sorted(tmp_path.rglob("*"))
    for command, message in messages.items():
        done = deepnoise(command, folder, *COMMANDS[command])
        assert (done.returncode, done.stdout) == (2, ""), command
        assert message in done.stderr
        assert sorted(tmp_path.rglob("*")) == before
    report = deepnoise("report", folder, *COMMANDS["report"])
    assert report.returncode == 0, report.stderr


PLACES = {
    "a folder": ("folder.csv", "is a folder, but .* is one file; name a file, which may lie in it"),
    "no parent": (
        "no/such/folder/out.csv",
        "no/such/folder: there is no such folder to write .* to; make it first",
    ),
    "within a file": ("file/out.csv", "cannot be written: .*file is no folder; name another path"),
    "taken": ("file", "file already exists; .* is never overwritten"),
}
WRITERS = [
    ["evaluate", "--out"],
    ["disentangle", "--out"],
    ["disentangle", "--picture"],
    ["profiles", "--out"],
    ["submit", "--out"],
    ["report", "--out"],
]


@pytest.mark.parametrize("place", PLACES)
def test_places_that_cannot_be_written_are_refused_before_work(
    place: str, tiny_predictions: Path, tmp_path: Path, deepnoise: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("deepnoise.evaluation.read_predictions", _never)
    monkeypatch.setattr("deepnoise.submission.read_predictions", _never)
    monkeypatch.setattr("deepnoise.disentanglement.read_predictions", _never)
    (tmp_path / "folder.csv").mkdir()
    (tmp_path / "file").write_text("kept")
    path, message = PLACES[place]
    for command, option in WRITERS:
        if (command, path) == ("profiles", "file"):
            continue
        done = deepnoise(command, tiny_predictions, option, path)
        assert (done.returncode, done.stdout) == (2, ""), command
        with pytest.raises(PredictionsError, match=message):
            raise PredictionsError(done.stderr)
        assert {one.name for one in tmp_path.rglob("*")} == {"folder.csv", "file"}
        assert (tmp_path / "file").read_text() == "kept"


def _never(path: Path) -> None:
    raise AssertionError(f"{path} was read")


def test_predictions_within_a_file_are_refused_before_the_network_runs(
    tiny_run: Path, tiny_screen: Path, tmp_path: Path, deepnoise: Run
) -> None:
    (tmp_path / "file").write_text("kept")
    done = deepnoise("predict", tiny_run, "--screen", tiny_screen, "--out", tmp_path / "file" / "out")
    assert done.returncode == 2
    assert "file is no folder; name another path" in done.stderr
    assert "predicting" not in done.stderr


@pytest.mark.parametrize("weights", ["nan", "-1", "1,1", "inf"])
def test_weights_that_weigh_nothing_are_refused(
    weights: str, tiny_run: Path, tiny_screen: Path, tmp_path: Path, deepnoise: Run
) -> None:
    done = deepnoise(
        "predict", tiny_run, "--screen", tiny_screen, "--out", tmp_path / "out", "--weights", weights
    )
    assert done.returncode == 2
    assert "1 models need as many positive weights" in done.stderr
    assert not list(tmp_path.iterdir())
