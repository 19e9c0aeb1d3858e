"""Series of folds and stages, resumed after any stop, and models that predict together."""

import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import deepnoise as dn
from deepnoise.api import installed
from deepnoise.ensembles import Ensemble, load_models
from deepnoise.model import Model, load_model
from deepnoise.series import Series, member_folders, resume
from deepnoise.simulation import simulated_screen, write_simulated
from deepnoise.site_outputs import Seeing
from deepnoise.training import Run, train_run
from deepnoise_core.contracts import ImageFiles, Predictions, Screen
from deepnoise_core.contracts.errors import ImageError, InputError, ModelError, OutputError, PredictionsError
from deepnoise_core.engine.observation import Silent
from deepnoise_registry.recipes import Recipe
from deepnoise_registry.recipes.stages import parts_of

Done = subprocess.CompletedProcess[str]

STAGED = """\
name: staged
data: {image_size: 32, split: {column: dataset}}
backbone: {name: timm, options: {model: test_efficientnet}}
head: arcface
postprocessors: [site-mean, plate-group]
stages:
  - name: pretrain
    train: {epochs: 2, batch_size: 16, max_steps: 4}
  - name: fine-tune
    by: cell_type
    strategy: mean-teacher
    train: {epochs: 2, batch_size: 16}
    epoch_ratio: {RPE: 0.5, U2OS: 0.1}
"""
PARTS = [f"fold-{k}/{stage}" for k in (0, 1) for stage in ("pretrain", "fine-tune/HUVEC", "fine-tune/RPE")]
MEMBERS = [part for part in PARTS if "fine-tune" in part]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A screen of two cell types with two training experiments each, on disk."""
    out = tmp_path_factory.mktemp("series") / "screen"
    sets = ["layout.train_experiments.RPE=2", "layout.sites=1"]
    write_simulated(simulated_screen("tiny", seed=0, sets=sets), out, Silent())
    return out


@pytest.fixture(scope="module")
def screen(folder: Path) -> Screen:
    return dn.open_screen(folder)


@pytest.fixture(scope="module")
def recipe_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("recipes") / "staged.yaml"
    path.write_text(STAGED)
    return path


@pytest.fixture(scope="module")
def recipe(recipe_file: Path) -> Recipe:
    return dn.load_recipe(recipe_file)


@pytest.fixture(scope="module")
def series(tmp_path_factory: pytest.TempPathFactory, recipe: Recipe, screen: Screen) -> Series:
    """Two folds of two stages, never interrupted; look, but do not touch."""
    made = dn.train(recipe, screen, tmp_path_factory.mktemp("whole") / "series", folds=2, device="cpu")
    assert isinstance(made, Series)
    return made


def weights(series: Path) -> dict[str, str]:
    files = {part: series / part / "bundle" / "model.safetensors" for part in PARTS}
    return {part: hashlib.sha256(file.read_bytes()).hexdigest() for part, file in files.items() if file.exists()}


def states(series: Path) -> list[str]:
    return [one["state"] for one in json.loads((series / "series.json").read_text())["parts"]]


class Stopping(Silent):
    """Stops at a note, or after the first epoch of a part."""

    def __init__(self, at: str, *, after_epoch: bool = False) -> None:
        self.at, self.after_epoch, self.reached = at, after_epoch, False
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)
        self.reached |= self.at in text
        if self.at in text and not self.after_epoch:
            raise KeyboardInterrupt

    def epoch(self, record: Mapping[str, float]) -> None:
        if self.reached:
            raise KeyboardInterrupt


def test_a_series_holds_a_run_for_each_part(series: Series) -> None:
    assert [run.path.relative_to(series.path).as_posix() for run in series.runs] == PARTS
    assert [run.path.relative_to(series.path).as_posix() for run in series.members] == MEMBERS
    assert states(series.path) == ["finished"] * 6
    assert len({run.card["recipe_sha256"] for run in series.runs}) == 6
    folds = [series.runs[0].card["split"], series.runs[3].card["split"]]
    assert sorted(folds[0]["validation"] + folds[1]["validation"]) == sorted(
        folds[0]["train"] + folds[0]["validation"]
    )
    epochs = [len((run.path / "metrics.jsonl").read_text().splitlines()) for run in series.runs[:3]]
    assert epochs == [2, 2, 1]
    classes = {dn.load(run.path).bundle.manifest.classes for run in series.members}  # type: ignore[union-attr]
    assert len(classes) == 1
    assert len(classes.pop()) == 12


def test_a_stage_starts_from_the_network_before(series: Series) -> None:
    first, huvec, rpe = series.runs[:3]
    assert first.card["initial"] == []
    assert str(first.path) in " ".join(huvec.card["initial"])
    assert first.card["transductive"] == ["plate statistics"]
    assert huvec.card["transductive"] == ["plate statistics", "unlabelled validation images"]
    assert rpe.card["transductive"] == [*huvec.card["transductive"], "unlabelled test images"]


def test_a_part_is_what_it_would_be_alone(series: Series, recipe: Recipe, screen: Screen, tmp_path: Path) -> None:
    part = parts_of(recipe, ["HUVEC", "RPE"], 2)[3]
    alone = train_run(part.recipe, screen, tmp_path / "alone", installed(), device="cpu")
    digest = hashlib.sha256((alone.bundle / "model.safetensors").read_bytes()).hexdigest()
    assert digest == weights(series.path)["fold-1/pretrain"]


@pytest.mark.parametrize(
    ("stop", "expected"),
    [
        (Stopping("part 3 of 6"), ["finished", "finished", "waiting"]),
        (Stopping("part 2 of 6", after_epoch=True), ["finished", "started", "waiting"]),
    ],
    ids=["between parts", "inside a part"],
)
def test_a_stopped_series_resumes_to_the_same_weights(
    series: Series, recipe: Recipe, screen: Screen, tmp_path: Path, stop: Stopping, expected: list[str]
) -> None:
    out = tmp_path / "series"
    with pytest.raises(KeyboardInterrupt):
        dn.train(recipe, screen, out, folds=2, device="cpu", observer=stop)
    assert stop.notes[-1] == f"the series stopped; continue it with deepnoise train --resume {out}"
    assert states(out)[: len(expected)] == expected
    with pytest.raises(ModelError, match="this series has not finished; continue it with deepnoise train"):
        dn.load(out)
    kept = {part: (out / part / "bundle" / "manifest.json") for part in weights(out)}
    written = {part: file.stat().st_mtime_ns for part, file in kept.items()}
    assert list(written) == [part for part, state in zip(PARTS, expected, strict=False) if state == "finished"]
    resumed = resume(out, screen, installed(), device="cpu")
    assert isinstance(resumed, Series)
    assert {part: file.stat().st_mtime_ns for part, file in kept.items()} == written
    assert weights(out) == weights(series.path)
    assert [run.card["best_epoch"] for run in resumed.runs] == [run.card["best_epoch"] for run in series.runs]
    with pytest.raises(ModelError, match="this series is finished"):
        resume(out, screen, installed(), device="cpu")


def test_a_killed_series_resumes_to_the_same_weights(
    series: Series,
    recipe_file: Path,
    folder: Path,
    tmp_path: Path,
    deepnoise: Callable[..., Done],
    start_command: Callable[..., Any],
    wait_until: Callable[..., None],
) -> None:
    out = tmp_path / "series"
    words = ["--screen", folder, "--out", out, "--folds", "2", "--device", "cpu"]
    program = start_command("train", recipe_file, *words)
    wait_until((out / PARTS[1] / "run.json").exists, program, every=0.001)
    os.kill(program.pid, signal.SIGKILL)
    assert program.wait()[0] == -signal.SIGKILL
    assert len(weights(out)) < len(PARTS)
    done = deepnoise("train", "--resume", out, "--device", "cpu")
    assert done.returncode == 0, done.stderr
    assert "finished before, and kept" in done.stderr
    assert re.search(r"fold-0/fine-tune/RPE: epoch 1, validation accuracy \d+\.\d %", done.stderr)
    assert weights(out) == weights(series.path)


def test_a_series_that_never_began_leaves_nothing(recipe: Recipe, screen: Screen, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        dn.train(recipe, screen, tmp_path / "series", device="cpu", observer=Stopping("training on"))
    assert not (tmp_path / "series").exists()


def test_what_does_not_fit_a_later_part_is_told_first(recipe: Recipe, screen: Screen, tmp_path: Path) -> None:
    notes = Stopping("no such note")
    last = recipe.stages[1].model_copy(update={"cell_types": ("RPE", "U2OS")})
    wrong = recipe.model_copy(update={"stages": (recipe.stages[0], last)})
    with pytest.raises(InputError, match="'fine-tune' is to learn from cell type 'U2OS', but the screen has HUV"):
        dn.train(wrong, screen, tmp_path / "out", device="cpu", observer=notes)
    with pytest.raises(InputError, match=r"fold-0/pretrain: split.folds: 9 folds of 4 training experiments"):
        dn.train(recipe, screen, tmp_path / "out", folds=9, device="cpu", observer=notes)
    with pytest.raises(InputError, match="--folds 1: give at least 2"):
        dn.train(recipe, screen, tmp_path / "out", folds=1, device="cpu")
    with pytest.raises(InputError, match="has stages, which are several runs"):
        train_run(recipe, screen, tmp_path / "out", installed())
    assert not (tmp_path / "out").exists()
    assert "stage fine-tune: the screen has no U2OS" in notes.notes
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").touch()
    with pytest.raises(OutputError, match="a series of runs is never overwritten"):
        dn.train(recipe, screen, tmp_path / "out", device="cpu")


def member(series: Series, part: str) -> Model:
    return load_model(series.path / part, installed())


def raw(predictions: Predictions) -> NDArray[np.float32]:
    return predictions.unrestricted


def test_a_model_of_one_cell_type_predicts_its_wells_alone(series: Series, screen: Screen) -> None:
    predictions = member(series, "fold-0/fine-tune/RPE").predict(screen, device="cpu")
    assert set(predictions.ids["cell_type"]) == {"RPE"}
    huvec = screen.take(np.flatnonzero(screen.column("cell_type") == "HUVEC"))
    with pytest.raises(PredictionsError, match=r"no all well to predict; .* its cell types HUVEC"):
        member(series, "fold-0/fine-tune/RPE").predict(huvec, device="cpu")


def test_an_ensemble_is_the_mean_of_its_members_logits(series: Series, screen: Screen) -> None:
    together = dn.load(series.path)
    assert isinstance(together, Ensemble)
    found = together.predict(screen, device="cpu")
    ones = [member(series, part).predict(screen, device="cpu") for part in MEMBERS]
    treated = screen.column("role") == "treatment"
    assert sorted(found.ids["well_id"]) == sorted(set(screen.column("well_id")[treated]))
    for row, well in enumerate(found.ids["well_id"]):
        own = [scores[0] for one in ones if len(scores := raw(one)[one.ids["well_id"] == well])]
        assert len(own) == 2
        np.testing.assert_allclose(raw(found)[row], np.mean(own, axis=0), rtol=1e-5, atol=1e-5)
    assert list(found.stages) == ["raw", "group"]
    with pytest.raises(ModelError, match="no embeddings; load one member"):
        together.embed(screen)


def test_weights_are_normalised_over_the_members_that_cover_a_well(series: Series, screen: Screen) -> None:
    every, huvec = (series.path / part for part in ("fold-0/pretrain", "fold-1/fine-tune/HUVEC"))
    found = dn.ensemble([every, huvec], weights=[3, 1]).predict(screen, device="cpu")
    one, two = (load_model(path, installed()).predict(screen, device="cpu") for path in (every, huvec))
    assert list(found.ids["well_id"]) == list(one.ids["well_id"])
    expected = raw(one).astype(np.float64)
    covered = np.isin(one.ids["well_id"], two.ids["well_id"])
    expected[covered] = (3 * expected[covered] + raw(two)) / 4
    np.testing.assert_allclose(raw(found), expected, rtol=1e-5, atol=1e-5)
    lacking = [note for note in found.notes if "predicts" in note]
    assert lacking == [
        f"member 2 (staged-fold-1-fine-tune-HUVEC) predicts {covered.sum()} of the {len(covered)} wells, "
        "of cell type HUVEC alone"
    ]


def test_members_agree_by_the_names_of_classes(series: Series, screen: Screen) -> None:
    one = member(series, "fold-0/pretrain")
    order = np.random.default_rng(0).permutation(12)
    names = tuple(np.array(one.bundle.manifest.classes)[order].tolist())
    manifest = one.bundle.manifest.model_copy(update={"classes": names})
    other = replace(one, bundle=replace(one.bundle, manifest=manifest))
    logits = raw(one.predict(screen, device="cpu"))
    shuffled = np.empty_like(logits)
    shuffled[:, order] = logits
    found = Ensemble((one, other), (1.0, 1.0)).predict(screen, device="cpu")
    np.testing.assert_allclose(raw(found), (logits + shuffled) / 2, rtol=1e-5, atol=1e-5)


def test_a_well_is_of_the_part_that_any_member_saw_most_of(series: Series, screen: Screen) -> None:
    zero, one = (member(series, f"fold-{k}/pretrain") for k in (0, 1))
    both = Ensemble((zero, one), (1.0, 1.0))
    assert set(zero.parts(screen)) == {"train", "validation", "test"}
    assert (both.parts(screen)[zero.parts(screen) != "test"] == "train").all()
    assert (both.parts(screen)[zero.parts(screen) == "test"] == "test").all()
    found = both.predict(screen, part="test", device="cpu")
    assert set(found.ids["experiment"]) == {"RPE-03"}
    assert set(found.ids["part"]) == {"test"}
    assert both.predict(screen, device="cpu").temperature is None
    with pytest.raises(PredictionsError, match="no validation well to predict; the screen's parts are test, tr"):
        both.predict(screen, part="validation", device="cpu")


def test_wells_that_no_member_can_read_are_told(series: Series, folder: Path, tmp_path: Path) -> None:
    damaged = tmp_path / "screen"
    shutil.copytree(folder, damaged)
    opened = dn.open_screen(damaged)
    row = int(
        np.flatnonzero((opened.column("experiment") == "RPE-03") & (opened.column("role") == "treatment"))[0]
    )
    well = opened.column("well_id")[row]
    assert isinstance(opened.store, ImageFiles)
    for site in np.flatnonzero(opened.column("well_id") == well):
        opened.store.file(int(site), 0).write_bytes(b"no image")
    both = dn.ensemble([series.path / "fold-0/pretrain", series.path / "fold-1/pretrain"])
    predictions, seen = both.see(opened, "test", "well", Seeing("cpu", "skip"))()
    assert len(predictions) == 11
    assert well not in predictions.ids["well_id"]
    assert len(seen.dropped) == 1
    unread = [note for note in predictions.notes if "1 wells are not predicted" in note]
    assert [note.partition(" (")[0] for note in unread] == ["member 1", "member 2"]
    with pytest.raises(ImageError):
        both.predict(opened, part="test", device="cpu")


def test_members_that_do_not_go_together_are_refused(series: Series, screen: Screen) -> None:
    one = member(series, "fold-0/pretrain")

    def with_manifest(**changes: object) -> Model:
        manifest = one.bundle.manifest.model_copy(update=changes)
        return replace(one, bundle=replace(one.bundle, manifest=manifest))

    classes = one.bundle.manifest.classes
    for other, message in [
        (with_manifest(classes=(*classes[:-1], "new")), "classes, but 2 are of one of them alone"),
        (with_manifest(channels=("dna",)), "channels, but have nuclei, "),
        (with_manifest(training={**one.bundle.manifest.training, "target": "plate"}), "target, but one names"),
    ]:
        with pytest.raises(ModelError, match=re.escape(message)):
            Ensemble((one, other), (1.0, 1.0))
    paths = member_folders(series.path)
    for given, message in [
        ([1.0], "4 models need as many positive weights, in their order, but they are 1.0"),
        ([1.0, 1.0, 0.0, 1.0], "as many positive weights"),
        ([1.0, 1.0, float("nan"), 1.0], "as many positive weights"),
    ]:
        with pytest.raises(InputError, match=message):
            load_models(paths, installed(), given)


def test_the_first_member_decides_what_follows(series: Series, screen: Screen) -> None:
    one = member(series, "fold-0/pretrain")
    plain = one.recipe.model_copy(update={"postprocessors": one.recipe.postprocessors[:1]})
    other = replace(one, bundle=replace(one.bundle, recipe=plain))
    found = Ensemble((other, one), (1.0, 1.0)).predict(screen, device="cpu")
    assert list(found.stages) == ["raw"]
    assert "postprocessors are those of member 1; member 2 was trained with others" in found.notes


def test_copies_of_images_can_be_asked_for(series: Series, screen: Screen) -> None:
    one = member(series, "fold-0/pretrain")
    flips = one.recipe.inference.model_copy(update={"tta": "flips"})
    told = replace(one, bundle=replace(one.bundle, recipe=one.recipe.model_copy(update={"inference": flips})))
    asked = one.predict(screen, part="test", tta="flips", device="cpu")
    np.testing.assert_array_equal(raw(asked), raw(told.predict(screen, part="test", device="cpu")))
    assert not np.array_equal(raw(asked), raw(one.predict(screen, part="test", device="cpu")))


def test_several_models_predict_on_the_command_line(
    series: Series, folder: Path, tmp_path: Path, deepnoise: Callable[..., Done]
) -> None:
    out = tmp_path / "predictions"
    models = [series.path / "fold-0" / "pretrain", series.path]
    options = ["--screen", folder, "--device", "cpu", "--part", "test", "--weights", "2,1", "--tta", "dihedral"]
    done = deepnoise("predict", *models, *options, "--out", out)
    assert done.returncode == 0, done.stderr
    record = json.loads((out / "predictions.json").read_text())
    members = record["provenance"]["members"]
    assert [one["weight"] for one in members] == [2, 1, 1, 1, 1]
    assert all(len(one["manifest_sha256"]) == 64 for one in members)
    assert dn.evaluate(out).wells == 12
    for words, message in [
        (["--weights", "2;1"], "--weights 2;1: give numbers between commas"),
        (["--tta", "turns"], "--tta turns is none of none, flips, dihedral"),
        (["--weights", "1,2,3"], "2 models need as many positive weights"),
    ]:
        done = deepnoise("predict", *models, "--screen", folder, "--out", tmp_path / "other", *words)
        assert (done.returncode, message in done.stderr) == (2, True)


def test_a_single_run_stays_a_run(screen: Screen, tmp_path: Path) -> None:
    recipe = dn.load_recipe("tiny", sets=["train.max_steps=1", "data.split.folds=null"])
    run = dn.train(recipe, screen, tmp_path / "run", device="cpu")
    assert isinstance(run, Run)
    assert isinstance(dn.load(run.path), Model)
