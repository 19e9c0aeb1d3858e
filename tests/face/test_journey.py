"""The whole way on the tiny screen: files, figures, sameness, and labels that must not matter."""

import hashlib
import json
import shutil
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import deepnoise as dn
from deepnoise.api import installed
from deepnoise.prediction import predict_folder
from deepnoise.training import resume_run
from deepnoise_core.contracts import Screen, Stage
from deepnoise_core.contracts.errors import ModelError, OutputError
from deepnoise_core.engine.observation import Silent


def weights(run: Path) -> str:
    return hashlib.sha256((run / "bundle" / "model.safetensors").read_bytes()).hexdigest()


def labels(folder: Path) -> pl.DataFrame:
    return pl.read_parquet(folder / "predictions.parquet").sort("well_id")


def test_a_run_holds_what_a_reader_looks_for(tiny_run: Path) -> None:
    for name in ("run.json", "recipe.yaml", "metrics.jsonl", "curves.png", "bundle/manifest.json"):
        assert (tiny_run / name).is_file(), name
    for name in ("model.safetensors", "recipe.yaml", "manifest.json"):
        assert (tiny_run / "bundle" / name).is_file(), name
    card = json.loads((tiny_run / "run.json").read_text())
    assert card["transductive"] == ["plate statistics", "unlabelled validation images", "unlabelled test images"]
    assert card["selection"] == "raw validation accuracy"
    lines = [json.loads(line) for line in (tiny_run / "metrics.jsonl").read_text().splitlines()]
    assert [line["epoch"] for line in lines] == [1, 2]
    assert all("validation_accuracy" in line and "sites_per_second" in line for line in lines)


def test_predictions_have_one_row_a_well(tiny_predictions: Path, tiny_screen: Path) -> None:
    table = labels(tiny_predictions)
    wells = dn.open_screen(tiny_screen).sites.filter(pl.col("role") == "treatment")["well_id"].unique()
    assert table["well_id"].to_list() == sorted(wells.to_list())
    for stage in ("raw", "group", "assigned"):
        assert table[stage].null_count() == 0
    assert table["confidence"].is_between(0, 1).all()
    assert (table["margin"] >= 0).all()
    per_plate = table.group_by("experiment", "plate").agg(pl.col("assigned").n_unique(), pl.len())
    assert (per_plate["assigned"] == per_plate["len"]).all()
    embeddings = pl.read_parquet(tiny_predictions / "embeddings.parquet")
    assert embeddings.height == table.height
    assert "Image_DeepNoise_0001" in embeddings.columns
    assert {path.name for path in (tiny_predictions / "plates").iterdir()} == {
        f"{name}.png" for name in table["experiment"].unique()
    }


def test_predictions_that_stop_before_their_pictures_leave_no_folder_and_go_on(
    tiny_run: Path, tiny_screen: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("deepnoise.prediction.draw_plate_maps", stop)
    model, screen = dn.load(tiny_run), dn.open_screen(tiny_screen)
    with pytest.raises(KeyboardInterrupt):
        predict_folder(model, screen, tmp_path / "out", part="test", device="cpu", observer=Silent())
    assert [file.name for file in tmp_path.iterdir()] == ["out.partial"]
    monkeypatch.setattr("deepnoise.prediction.draw_plate_maps", lambda predictions, out: None)
    predict_folder(model, screen, tmp_path / "out", part="test", device="cpu", observer=Silent())
    assert [file.name for file in tmp_path.iterdir()] == ["out"]


def test_evaluation_counts_unseen_experiments_alone(tiny_predictions: Path) -> None:
    evaluation = dn.evaluate(tiny_predictions)
    assert set(evaluation.by["experiment"]) == {"RPE-02"}
    assert evaluation.chance == pytest.approx(1 / 12)
    assert list(evaluation.stages) == ["raw", "group", "assigned"]


def test_the_python_interface_walks_the_same_way(tmp_path: Path) -> None:
    screen = dn.simulate("tiny", seed=1)
    recipe = dn.load_recipe("tiny", sets=["train.max_steps=2", "head=linear"])
    run = dn.train(recipe, screen, tmp_path / "run", device="cpu")
    model = dn.load(run.path)
    predictions = model.predict(screen, part="test", device="cpu")
    assert set(predictions.ids["part"]) == {"test"}
    profiles = model.embed(screen, device="cpu")
    assert profiles.shape == (len({*screen.sites.filter(pl.col("role") == "treatment")["well_id"]}), 256)
    assert dn.compose(recipe, screen).target.classes == predictions.classes
    assert {offer.name for offer in dn.components("strategies")} >= {"supervised", "mean-teacher"}


def test_the_same_seed_gives_the_same_weights(tmp_path: Path, tiny_run: Path, tiny_screen: Path) -> None:
    again = dn.train("tiny", tiny_screen, tmp_path / "again", device="cpu")
    assert weights(again.path) == weights(tiny_run)
    other = dn.train(dn.load_recipe("tiny", sets=["seed=1"]), tiny_screen, tmp_path / "other", device="cpu")
    assert weights(other.path) != weights(tiny_run)


def test_an_interrupted_run_resumes_to_the_same_weights(
    tmp_path: Path, tiny_run: Path, tiny_screen: Path
) -> None:
    notes: list[str] = []

    class Impatient(Silent):
        def note(self, text: str) -> None:
            notes.append(text)

        def epoch(self, record: Mapping[str, float]) -> None:
            raise KeyboardInterrupt

    out = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        dn.train("tiny", tiny_screen, out, device="cpu", observer=Impatient())
    assert notes[-1].endswith(f"deepnoise train --resume {out}")
    assert not (out / "bundle").exists()
    resumed = resume_run(out, None, installed(), device="cpu")
    assert weights(resumed.path) == weights(tiny_run)


def unfinished(run: Path, copy: Path) -> Path:
    """A copy of a run as it is before its bundle is written."""
    shutil.copytree(run, copy)
    shutil.rmtree(copy / "bundle")
    return copy


def test_a_save_that_fails_midway_loses_no_run(
    tmp_path: Path, tiny_screen: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rename, saves = Path.rename, []

    def fail_at_the_second(path: Path, target: Path) -> Path:
        if path.name.endswith(".partial") and path.parent.name == "checkpoints":
            saves.append(path)
            if len(saves) == 2:
                raise OSError(28, "No space left on device")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", fail_at_the_second)
    recipe = dn.load_recipe("tiny", sets=["train.checkpoints.minutes=0"])
    with pytest.raises(OutputError, match="the disk is full"):
        dn.train(recipe, tiny_screen, tmp_path / "run", device="cpu")
    monkeypatch.undo()
    assert resume_run(tmp_path / "run", None, installed(), device="cpu").bundle.is_dir()


def test_a_failed_resume_leaves_the_run(tmp_path: Path, tiny_run: Path) -> None:
    run = unfinished(tiny_run, tmp_path / "run")
    (state,) = (run / "checkpoints").glob("step-*")
    (state / "state.json").unlink()
    with pytest.raises(ModelError, match="no checkpoint is whole"):
        resume_run(run, None, installed(), device="cpu")
    assert (run / "metrics.jsonl").is_file()


def test_labels_of_test_wells_reach_no_component(
    tmp_path: Path, tiny_run: Path, tiny_predictions: Path, tiny_screen: Path
) -> None:
    poisoned = tmp_path / "screen"
    shutil.copytree(tiny_screen, poisoned)
    table = pl.read_csv(poisoned / "metadata.csv")
    in_test = (pl.col("dataset") == "test") & (pl.col("well_type") == "treatment")
    table = table.with_columns(sirna=pl.when(in_test).then(pl.lit("PERT_WRONG")).otherwise("sirna"))
    table.write_csv(poisoned / "metadata.csv")
    run = dn.train("tiny", poisoned, tmp_path / "run", device="cpu")
    assert weights(run.path) == weights(tiny_run)
    predictions = dn.load(run.path).predict(dn.open_screen(poisoned), device="cpu")
    named = dict(zip(predictions.ids["well_id"], predictions.stages[Stage.ASSIGNED], strict=True))
    classes = np.array(predictions.classes)
    for well, name in labels(tiny_predictions).select("well_id", "assigned").iter_rows():
        assert classes[named[well]] == name


def test_the_order_of_a_screen_changes_no_label(tiny_run: Path, tiny_screen: Path) -> None:
    model = dn.load(tiny_run)
    screen = dn.open_screen(tiny_screen)

    def named(one: Screen) -> dict[str, int]:
        predictions = model.predict(one, device="cpu")
        return dict(zip(predictions.ids["well_id"], predictions.stages[Stage.ASSIGNED].tolist(), strict=True))

    assert named(screen) == named(screen.take(np.random.default_rng(0).permutation(len(screen))))
