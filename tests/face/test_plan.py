"""A training plan and batch statistics by plate, chosen by overrides alone, from training to predictions."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

import deepnoise as dn
from deepnoise_core.contracts import Screen
from deepnoise_core.contracts.errors import InputError

SMALL = ("backbone.name=timm", "backbone.options.model=test_resnet", "train.batch_size=8")


@pytest.fixture(scope="module")
def screen() -> Screen:
    return dn.simulate("tiny")


def test_plates_own_batch_statistics_are_used_and_told(screen: Screen, tmp_path: Path) -> None:
    plan = ("train.selection=group", "train.accumulate=2", "train.epochs=3", "train.early_stopping=1")
    norm = ("inference.batch_norm=plate", "inference.batch_norm_minimum=4")
    recipe = dn.load_recipe("tiny", sets=[*SMALL, *plan, *norm])
    run = dn.train(recipe, screen, tmp_path / "run", device="cpu")
    card = json.loads((run.path / "run.json").read_text())
    assert card["selection"] == "validation accuracy within the group of classes of each plate"
    assert "plate groups of validation plates" in card["transductive"]
    assert "batch statistics of validation plates" in card["transductive"]
    lines = [json.loads(line) for line in (run.path / "metrics.jsonl").read_text().splitlines()]
    assert all(line["validation_group_accuracy"] >= 0 for line in lines)
    assert card["stopped_early"] == (len(lines) < 3)

    model = dn.load(run.path)
    predictions = model.predict(screen, part="test", device="cpu")
    assert "batch statistics of test plates" in predictions.transductive
    shuffled = screen.take(np.random.default_rng(0).permutation(len(screen)))
    again = model.predict(shuffled, part="test", device="cpu")
    order = {well: row for row, well in enumerate(again.ids["well_id"])}
    rows = [order[well] for well in predictions.ids["well_id"]]
    assert predictions.embeddings is not None
    assert again.embeddings is not None
    np.testing.assert_allclose(again.embeddings[rows], predictions.embeddings, rtol=1e-4, atol=1e-5)


def test_plates_that_are_too_small_are_told(screen: Screen, tmp_path: Path) -> None:
    sets = [*SMALL, "train.max_steps=1", "inference.batch_norm=plate", "inference.batch_norm_minimum=10000"]
    run = dn.train(dn.load_recipe("tiny", sets=sets), screen, tmp_path / "run", device="cpu")
    predictions = dn.load(run.path).predict(screen, part="test", device="cpu")
    assert any(
        re.match("batch norm: fewer than 10000 sites in .*the running", note) for note in predictions.notes
    )
    assert not any("batch statistics" in use for use in predictions.transductive)


def test_a_backbone_without_batch_norm_writes_nothing(screen: Screen, tmp_path: Path) -> None:
    sets = ["backbone.name=timm", "backbone.options.model=test_convnext", "inference.batch_norm=plate"]
    recipe = dn.load_recipe("tiny", sets=sets)
    with pytest.raises(InputError, match="needs a network with batch norm, and this one has none"):
        dn.train(recipe, screen, tmp_path / "run", device="cpu")
    assert not (tmp_path / "run").exists()
