"""`deepnoise evaluate`: tables, JSON, sites, temperature, comparisons, and predictions that cannot be judged."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

import deepnoise as dn
from deepnoise.evaluation import evaluate_predictions
from deepnoise.model import Model
from deepnoise_core.contracts import Predictions, Screen, Stage
from deepnoise_core.contracts.errors import ModelError, PredictionsError
from deepnoise_core.data.prediction_table import read_predictions
from deepnoise_registry.bundles import read_manifest

Run = Callable[..., CompletedProcess[str]]

WILDS_MODE = [
    "data.roles=[treatment,positive_control,negative_control]",
    "normalizer={name: z-score, options: {level: site}}",
    "strategy=supervised",
    "data.unlabelled=[]",
    "postprocessors=[site-mean]",
    "train.max_steps=2",
]


@pytest.fixture(scope="module")
def screen(tiny_screen: Path) -> Screen:
    return dn.open_screen(tiny_screen)


@pytest.fixture(scope="module")
def predictions(tiny_predictions: Path) -> Predictions:
    return read_predictions(tiny_predictions)[0]


@pytest.fixture(scope="module")
def adapted_to_nothing(tmp_path_factory: pytest.TempPathFactory, screen: Screen) -> Model:
    """A model of treatments and controls that looks at each site alone, as WILDS wants it."""
    out = tmp_path_factory.mktemp("wilds") / "run"
    model = dn.load(dn.train(dn.load_recipe("tiny", sets=WILDS_MODE), screen, out, device="cpu").path)
    assert isinstance(model, Model)
    return model


def test_tables_say_what_the_figures_are(tiny_predictions: Path, deepnoise: Run) -> None:
    done = deepnoise("evaluate", tiny_predictions, "--plates", "--top", "2,3")
    assert done.returncode == 0, done.stderr
    for said in (
        "top 2",
        "top 3",
        "mended",
        "at temperature",
        "By plate",
        "RPE-02/1",
        "one experiment: no interval",
    ):
        assert said in done.stdout, said
    assert "protocol custom, unit well" in done.stdout
    assert "By plate" not in deepnoise("evaluate", tiny_predictions).stdout


def test_all_figures_are_written_once(tiny_predictions: Path, tmp_path: Path, deepnoise: Run) -> None:
    out = tmp_path / "evaluation.json"
    printed = json.loads(deepnoise("evaluate", tiny_predictions, "--out", out, "--json").stdout)
    written = json.loads(out.read_text())
    assert written == printed
    assert written["protocol"] == "custom"
    assert "plate assignment" in written["transductive"]
    assert set(written["flips"]) == {"group", "assigned"}
    assert written["intervals"] == {}
    again = deepnoise("evaluate", tiny_predictions, "--out", out)
    assert (again.returncode, "never overwritten" in again.stderr) == (2, True)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--protocol", "rcic"], "12 classes, not 1,108"),
        (["--protocol", "kaggle"], "--protocol kaggle is none of rcic, wilds, custom"),
        (["--top", "1,0"], "--top 1,0: give whole numbers from 1"),
        (["--top", "five"], "--top five: give whole numbers from 1"),
    ],
)
def test_what_cannot_be_asked_for_is_refused(
    words: list[str], said: str, tiny_predictions: Path, deepnoise: Run
) -> None:
    done = deepnoise("evaluate", tiny_predictions, *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr


def test_validation_wells_give_the_temperature(tiny_run: Path, predictions: Predictions) -> None:
    lines = [json.loads(line) for line in (tiny_run / "metrics.jsonl").read_text().splitlines()]
    best = json.loads((tiny_run / "run.json").read_text())["best_epoch"]
    (own,) = [line for line in lines if line["epoch"] == best]
    assert read_manifest(tiny_run / "bundle").temperature == own["validation_temperature"]
    assert predictions.temperature == own["validation_temperature"]


def test_confidence_in_the_table_is_calibrated(tiny_predictions: Path, predictions: Predictions) -> None:
    table = pl.read_parquet(tiny_predictions / "predictions.parquet")
    assert predictions.temperature is not None
    scores = predictions.unrestricted.astype(np.float64) / predictions.temperature
    chances = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(table["confidence"], chances.max(axis=1), rtol=1e-9)


def test_a_bundle_of_before_has_no_temperature(tiny_run: Path) -> None:
    manifest = read_manifest(tiny_run / "bundle")
    best = {name: value for name, value in manifest.training["best"].items() if name != "validation_temperature"}
    assert manifest.model_copy(update={"training": {**manifest.training, "best": best}}).temperature is None
    assert manifest.model_copy(update={"training": {}}).temperature is None


def test_sites_are_predicted_by_themselves(adapted_to_nothing: Model, screen: Screen) -> None:
    sites = adapted_to_nothing.predict(screen, part="test", device="cpu", unit="site")
    assert sites.per_site
    assert list(sites.stages) == [Stage.RAW]
    assert sites.classes == adapted_to_nothing.bundle.manifest.classes
    assert sites.temperature is None
    assert sites.transductive == ()
    assert np.isfinite(sites.scores).all()
    wells = adapted_to_nothing.predict(screen, part="test", device="cpu")
    treated = wells.ids["role"] == "treatment"
    for well, scores in zip(wells.ids["well_id"][treated], wells.scores[treated], strict=True):
        own = sites.scores[sites.ids["well_id"] == well, : len(wells.classes)]
        np.testing.assert_allclose(own.mean(axis=0), scores, rtol=1e-4, atol=1e-5)


def test_controls_are_classes_of_sites(adapted_to_nothing: Model, screen: Screen) -> None:
    sites = adapted_to_nothing.predict(screen, part="test", device="cpu", unit="site")
    evaluation = evaluate_predictions(sites, screen, "perturbation")
    assert (evaluation.unit, evaluation.wells) == ("site", len(sites))
    assert evaluation.chance == 1 / len(adapted_to_nothing.bundle.manifest.classes)
    assert evaluation.by["experiment"]["RPE-02"]["wells"] == len(sites)


def test_sites_and_wells_do_not_compare(
    tiny_run: Path, tiny_screen: Path, tiny_predictions: Path, tmp_path: Path, deepnoise: Run
) -> None:
    words = ("predict", tiny_run, "--screen", tiny_screen, "--part", "test", "--device", "cpu")
    assert deepnoise(*words, "--sites", "--out", tmp_path / "sites").returncode == 0
    assert deepnoise(*words, "--out", tmp_path / "wells").returncode == 0
    assert not (tmp_path / "sites" / "plates").exists()
    done = deepnoise("evaluate", tiny_predictions, tmp_path / "wells")
    assert done.returncode == 0, done.stderr
    assert "Gain over" in done.stdout
    assert "Raw accuracy by experiment" in done.stdout
    gains = dn.evaluate([tiny_predictions, tmp_path / "wells"]).gains
    assert gains[str(tmp_path / "wells")][Stage.RAW].mean == 0.0
    refused = deepnoise("evaluate", tiny_predictions, tmp_path / "sites")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "one is of unit well, the other of site" in refused.stderr


def test_an_ensemble_predicts_no_sites(tiny_run: Path, screen: Screen) -> None:
    two = dn.ensemble([tiny_run, tiny_run])
    with pytest.raises(ModelError, match="an ensemble of 2 predicts wells, no single sites"):
        two.predict(screen, device="cpu", unit="site")


def test_an_ensemble_has_the_temperature_of_wells_that_no_member_was_trained_on(
    tiny_run: Path, predictions: Predictions, screen: Screen
) -> None:
    found = dn.ensemble([tiny_run, tiny_run]).predict(screen, device="cpu")
    assert predictions.temperature is not None
    assert found.temperature == pytest.approx(predictions.temperature, rel=1e-4)
    wells = int((predictions.ids["part"] == "validation").sum())
    assert f"the ensemble's temperature was fitted on {wells} validation wells" in found.notes
    before = evaluate_predictions(found, screen, "perturbation")
    assert before.uncalibrated is not None
    assert before.calibration is not None
    assert before.calibration.temperature == found.temperature


def test_labels_of_validation_alone_fit_the_temperature_of_an_ensemble(
    tiny_run: Path, predictions: Predictions, screen: Screen
) -> None:
    both = dn.ensemble([tiny_run, tiny_run])
    expected = both.predict(screen, device="cpu").temperature
    parts = both.parts(screen)

    def without_labels(of: NDArray[np.bool_]) -> Screen:
        column = pl.when(pl.Series(of)).then(None).otherwise(pl.col("perturbation")).alias("perturbation")
        return replace(screen, sites=screen.sites.with_columns(column))

    assert both.predict(without_labels(parts != "validation"), device="cpu").temperature == expected
    for predicted in (
        both.predict(without_labels(parts == "validation"), device="cpu"),
        both.predict(screen, part="test", device="cpu"),
    ):
        assert predicted.temperature is None
        assert any("no temperature was fitted for the ensemble" in note for note in predicted.notes)


def of_row(predictions: Predictions, rows: NDArray[np.int64], **columns: Any) -> Predictions:
    taken = predictions.take(rows)
    return replace(taken, ids={**taken.ids, **columns})


def test_bad_predictions_are_one_message_each(predictions: Predictions, screen: Screen) -> None:
    held_out = np.flatnonzero(predictions.ids["part"] == "test")
    twice = of_row(predictions, np.append(held_out, held_out[:1]))
    with pytest.raises(PredictionsError, match="1 rows are of a well that has one already, such as 'RPE-02"):
        evaluate_predictions(twice, screen, "perturbation")
    scores = predictions.scores.copy()
    scores[held_out[0], 0] = np.nan
    with pytest.raises(PredictionsError, match=r"scores of 1 of the 12 rows are NaN or infinite, such as"):
        evaluate_predictions(replace(predictions, scores=scores), screen, "perturbation")
    strange = of_row(predictions, held_out[:1], well_id=np.array(["X-01_1_B02"], dtype=object))
    with pytest.raises(PredictionsError, match="lacks 1 of the 1 predicted wells, such as X-01_1_B02"):
        evaluate_predictions(strange, screen, "perturbation")
    with pytest.raises(PredictionsError, match="no well that the model was not trained on has a 'perturbation'"):
        evaluate_predictions(predictions.take(held_out[:0]), screen, "perturbation")


def test_what_is_left_out_is_counted(predictions: Predictions, screen: Screen) -> None:
    held_out = np.flatnonzero(predictions.ids["part"] == "test")
    first, second, *_ = predictions.ids["well_id"][held_out]
    column = pl.col("perturbation")
    relabelled = replace(
        screen,
        sites=screen.sites.with_columns(
            pl.when(pl.col("well_id") == first)
            .then(None)
            .when(pl.col("well_id") == second)
            .then(pl.lit("new"))
            .otherwise(column)
            .alias("perturbation")
        ),
    )
    evaluation = evaluate_predictions(predictions, relabelled, "perturbation")
    assert (evaluation.wells, evaluation.unlabelled, evaluation.unseen_class) == (10, 1, 1)
    without = predictions.ids["plate"] != predictions.ids["plate"][held_out[0]]
    fewer = evaluate_predictions(predictions.take(np.flatnonzero(without)), screen, "perturbation")
    assert any("1 plates without a well that counts: 'RPE-02/" in note for note in fewer.notes)


def test_figures_of_validation_wells_say_so(predictions: Predictions, screen: Screen) -> None:
    rows = np.flatnonzero(predictions.ids["part"] == "validation")
    notes = evaluate_predictions(predictions.take(rows), screen, "perturbation").notes
    assert any("by which the epoch was selected" in note for note in notes)
    assert any("fitted on these very wells" in note for note in notes)
