"""Backbone families, strategies and normalizers, swapped by overrides alone."""

from itertools import cycle
from pathlib import Path

import numpy as np
import pytest

import deepnoise as dn
from deepnoise.simulation import simulated_screen
from deepnoise_core.contracts import Screen

LARGE = ("densenet121", "efficientnet_b0", "xception")
NORMALIZERS = tuple(offer.name for offer in dn.components("normalizer"))
STRATEGIES = tuple(offer.name for offer in dn.components("strategy"))
AUGMENTATIONS = dict.fromkeys(
    ("fixmatch", "freematch", "noisy-student", "plate-aligned", "pseudo-label", "softmatch", "uda"), "weak-strong"
)
SWAPS = [
    *zip(cycle(["timm"]), STRATEGIES, cycle(NORMALIZERS)),
    *zip(LARGE, ("mean-teacher", "mean-teacher-pseudo", "supervised"), NORMALIZERS[3:6], strict=True),
]


@pytest.fixture(scope="module")
def screen() -> Screen:
    """A site a well is enough to see that parts fit each other."""
    return simulated_screen("tiny", seed=0, sets=["layout.sites=1"])


@pytest.mark.parametrize(("backbone", "strategy", "normalizer"), SWAPS)
def test_any_combination_trains_two_steps_and_predicts(
    backbone: str, strategy: str, normalizer: str, screen: Screen, tmp_path: Path
) -> None:
    sets = [f"backbone.name={backbone}", f"strategy.name={strategy}", f"normalizer.name={normalizer}"]
    sets.append(f"augmentation={AUGMENTATIONS.get(strategy, 'deepnoise')}")
    small = ["backbone.options.model=test_resnet"] if backbone == "timm" else []
    recipe = dn.load_recipe("tiny", sets=[*sets, *small, "train.max_steps=2", "train.batch_size=8"])
    run = dn.train(recipe, screen, tmp_path / "run", device="cpu")
    assert run.card["steps"] == 2
    predictions = dn.load(run.path).predict(screen, part="test", device="cpu")
    assert np.isfinite(predictions.unrestricted).all()
    assert list(predictions.stages) == ["raw", "group", "assigned"]
