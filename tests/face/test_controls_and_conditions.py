"""Controls as further classes, and a network that is told the cell type: trained, predicted and evaluated."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import deepnoise as dn
from deepnoise.evaluation import evaluate_predictions, well_truth
from deepnoise.jobs import job_of
from deepnoise.model import Model
from deepnoise.prediction import predict_folder
from deepnoise.training import Run
from deepnoise_core.contracts import UNASSIGNED, Predictions, Role, Screen, Stage
from deepnoise_core.contracts.errors import ModelError, ScreenError
from deepnoise_core.data.treatments import may_be_treated
from deepnoise_core.engine.devices import pick_hardware
from deepnoise_core.engine.observation import Silent
from deepnoise_core.engine.pool import PoolPredictor, pool_of
from deepnoise_registry.bundles import read_manifest

THREE = "data.roles=[treatment,positive_control,negative_control]"
STEPS = "train.max_steps=2"
BOTH = ("data.split={test: [RPE-02], validation: [HUVEC-02]}", "head={name: dual, options: {neck: 8}}")
"""Trains on both cell types, with the head of the first place."""
TOLD = (*BOTH, "data.condition=cell_type")


def trained(out: Path, screen: Screen, *sets: str) -> Run:
    run = dn.train(dn.load_recipe("tiny", sets=[STEPS, *sets]), screen, out, device="cpu")
    assert isinstance(run, Run)
    return run


def loaded(run: Run) -> Model:
    model = dn.load(run.path)
    assert isinstance(model, Model)
    return model


@pytest.fixture(scope="module")
def screen() -> Screen:
    return dn.simulate("tiny", seed=3)


@pytest.fixture(scope="module")
def controls(screen: Screen, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return trained(tmp_path_factory.mktemp("controls") / "run", screen, THREE)


@pytest.fixture(scope="module")
def predicted(controls: Run, screen: Screen) -> Predictions:
    return loaded(controls).predict(screen, device="cpu")


@pytest.fixture(scope="module")
def told(screen: Screen, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return trained(tmp_path_factory.mktemp("told") / "run", screen, *TOLD)


def shown(screen: Screen, *roles: Role) -> set[str]:
    return {*screen.sites.filter(pl.col("role").is_in(list(roles)))["perturbation"]}


def test_the_manifest_tells_controls_from_treatments(controls: Run, screen: Screen) -> None:
    manifest = read_manifest(controls.bundle)
    treatments = shown(screen, Role.TREATMENT)
    assert {*manifest.scored_classes} == treatments
    assert {*manifest.control_classes} == shown(screen, Role.POSITIVE_CONTROL, Role.NEGATIVE_CONTROL)
    assert manifest.classes == manifest.scored_classes + manifest.control_classes
    assert {number for group in manifest.groups for number in group} == set(range(len(treatments)))
    assert manifest.exclusive


def test_the_design_is_that_of_treatments_alone(controls: Run, screen: Screen) -> None:
    alone = dn.compose(dn.load_recipe("tiny"), screen)
    manifest = read_manifest(controls.bundle)
    assert manifest.scored_classes == alone.target.classes
    assert tuple(map(frozenset, manifest.groups)) == alone.design.groups
    assert alone.target.control_classes == ()


def test_treatments_are_predicted_among_treatments(predicted: Predictions, controls: Run, screen: Screen) -> None:
    treated = may_be_treated(predicted.ids["role"])
    assert predicted.classes == read_manifest(controls.bundle).scored_classes
    assert 0 < treated.sum() < len(predicted) == screen.sites["well_id"].n_unique()
    assert np.isfinite(predicted.unrestricted[treated]).all()
    assert list(predicted.stages) == [Stage.RAW, Stage.GROUP, Stage.ASSIGNED]
    for labels in predicted.stages.values():
        assert (labels[treated] >= 0).all()
        assert (labels[~treated] == UNASSIGNED).all()
    assert predicted.embeddings is not None
    assert np.isfinite(predicted.embeddings).all()


def test_evaluation_counts_treatments_alone(predicted: Predictions, screen: Screen) -> None:
    evaluation = evaluate_predictions(predicted, screen, "perturbation")
    treated = may_be_treated(predicted.ids["role"])
    assert evaluation.wells == (treated & (predicted.ids["part"] == "test")).sum()
    assert f"left out {(~treated).sum()} wells of controls" in evaluation.notes
    assert evaluation.chance == pytest.approx(1 / len(predicted.classes))
    assert evaluation.unseen_class == 0


def test_validation_is_that_of_treatments_among_treatments(
    controls: Run, predicted: Predictions, screen: Screen
) -> None:
    (line,) = [json.loads(line) for line in (controls.path / "metrics.jsonl").read_text().splitlines()]
    counted = may_be_treated(predicted.ids["role"]) & (predicted.ids["part"] == "validation")
    truth = well_truth(predicted, screen, "perturbation")[counted]
    named = np.array(predicted.classes)[predicted.stages[Stage.RAW][counted]]
    assert line["validation_accuracy"] == pytest.approx((named == truth).mean())


def test_predictions_of_controls_are_written_without_a_label(
    controls: Run, screen: Screen, tmp_path: Path
) -> None:
    predict_folder(loaded(controls), screen, tmp_path / "out", device="cpu", observer=Silent())
    table = pl.read_parquet(tmp_path / "out" / "predictions.parquet")
    labels = pl.any_horizontal(pl.col("raw", "group", "assigned").is_not_null())
    assert {*table.filter(labels)["role"]} == {"treatment"}
    assert {*table.filter(~labels)["role"]} == {"positive_control", "negative_control"}


def test_networks_with_and_without_controls_predict_together(controls: Run, told: Run, screen: Screen) -> None:
    together = dn.ensemble([controls.path, told.path]).predict(screen, part="test", device="cpu")
    treated = may_be_treated(together.ids["role"])
    assert np.isfinite(together.unrestricted[treated]).all()
    assert (together.stages[Stage.RAW][~treated] == UNASSIGNED).all()


def test_the_pool_is_predicted_each_kind_among_its_own(screen: Screen) -> None:
    hardware = pick_hardware("cpu")
    composition = dn.compose(dn.load_recipe("tiny", sets=[THREE, "normalizer=none"]), screen)
    job = job_of(composition, hardware)
    pool = PoolPredictor(job, hardware.autocast)(job.student)
    treated = may_be_treated(pool.ids["role"])
    number = job.num_treatments
    assert number is not None
    assert pool_of(job).num_possible == number < len(job.classes)
    assert treated.any()
    assert not treated.all()
    assert np.isfinite(pool.scores[treated, :number]).all()
    assert (pool.scores[treated, number:] == -np.inf).all()
    assert np.isfinite(pool.scores[~treated][:, number:]).all()
    assert (pool.scores[~treated, :number] == -np.inf).all()


def test_the_head_is_told_the_cell_types_of_training_wells(told: Run, screen: Screen) -> None:
    manifest = read_manifest(told.bundle)
    assert manifest.conditions == ("HUVEC", "RPE")
    network = loaded(told).bundle.network
    assert network.num_conditions == 2
    assert network.head.neck[0].num_features == network.num_features + 2  # type: ignore[index, union-attr]
    predictions = loaded(told).predict(screen, part="test", device="cpu")
    assert np.isfinite(predictions.scores).any(axis=1).all()


def test_the_cell_type_changes_what_is_predicted(told: Run, screen: Screen) -> None:
    model = loaded(told)
    swapped = screen.sites.with_columns(pl.col("cell_type").replace({"HUVEC": "RPE", "RPE": "HUVEC"}))
    one, other = (
        model.predict(each, part="test", device="cpu").unrestricted
        for each in (screen, replace(screen, sites=swapped))
    )
    assert np.abs(one - other).max() > 1e-4


def test_a_cell_type_that_the_network_was_not_told_of_is_refused(told: Run, screen: Screen) -> None:
    sites = screen.sites.with_columns(pl.col("cell_type").replace({"RPE": "U2OS"}))
    with pytest.raises(ScreenError, match="of cell type 'U2OS', but the network is told of 'HUVEC', 'RPE'"):
        loaded(told).predict(replace(screen, sites=sites), device="cpu")


def test_training_refuses_sites_of_which_nothing_could_be_told(screen: Screen, tmp_path: Path) -> None:
    with pytest.raises(ScreenError, match="of cell type 'RPE', but the network is told of 'HUVEC', those of its"):
        trained(tmp_path / "run", screen, "data.condition=cell_type")
    assert not (tmp_path / "run").exists()


def test_a_head_is_kept_with_its_conditions_alone(told: Run, screen: Screen, tmp_path: Path) -> None:
    keep = f"train.initial={{weights: {told.path}, head: keep}}"
    with pytest.raises(ModelError, match=r"told of cell types HUVEC, RPE, but that of the recipe of \(none\)"):
        trained(tmp_path / "other", screen, keep, *BOTH)
    again = trained(tmp_path / "same", screen, keep, *TOLD, "data.cell_types=[HUVEC]")
    assert read_manifest(again.bundle).conditions == ("HUVEC", "RPE")
