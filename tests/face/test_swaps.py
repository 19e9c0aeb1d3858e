"""Every backbone family with every strategy and normalizer, swapped by overrides alone."""

from itertools import product
from pathlib import Path

import numpy as np
import pytest

import deepnoise as dn
from deepnoise_core.contracts import Screen

BACKBONES = ("densenet121", "efficientnet_b0", "timm")
STRATEGIES = ("supervised", "mean-teacher")
NORMALIZERS = ("none", "z-score", "percentile", "flat-field")


@pytest.fixture(scope="module")
def screen() -> Screen:
    return dn.simulate("tiny")


@pytest.mark.parametrize(("backbone", "strategy", "normalizer"), [*product(BACKBONES, STRATEGIES, NORMALIZERS)])
def test_any_combination_trains_two_steps_and_predicts(
    backbone: str, strategy: str, normalizer: str, screen: Screen, tmp_path: Path
) -> None:
    sets = [f"backbone.name={backbone}", f"strategy.name={strategy}", f"normalizer.name={normalizer}"]
    small = ["backbone.options.model=test_resnet"] if backbone == "timm" else []
    recipe = dn.load_recipe("tiny", sets=[*sets, *small, "train.max_steps=2", "train.batch_size=8"])
    run = dn.train(recipe, screen, tmp_path / "run", device="cpu")
    assert run.card["steps"] == 2
    predictions = dn.load(run.path).predict(screen, part="test", device="cpu")
    assert np.isfinite(predictions.unrestricted).all()
    assert list(predictions.stages) == ["raw", "group", "assigned"]
