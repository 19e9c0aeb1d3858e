"""A recipe that says what plates hold, from training to predictions of the bundle."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import deepnoise as dn
from deepnoise_core.contracts import DesignOptions, Screen, Stage
from deepnoise_core.contracts.errors import ScreenError


@pytest.fixture
def screen() -> Screen:
    """The tiny screen, each plate with the name of the set that it holds."""
    screen = dn.simulate("tiny")
    lowest = pl.col("perturbation").filter(pl.col("role") == "treatment").min().over("experiment", "plate")
    sites = screen.sites.with_columns(set=pl.lit("set of ") + lowest)
    return replace(screen, sites=sites)


def test_sets_of_plates_are_known_to_a_bundle_on_any_screen_that_names_them(
    screen: Screen, tmp_path: Path
) -> None:
    recipe = dn.load_recipe("tiny", sets=["train.epochs=1", "design.sets=set", "design.replicates=1"])
    assert recipe.design == DesignOptions(sets="set", replicates=1)
    run = dn.train(recipe, screen, tmp_path / "run", device="cpu")
    found = dn.load(run.path).predict(screen)
    assert np.isinf(found.facts["arrangement_margin"]).all()
    names = dict(screen.sites.select("well_id", "set").iter_rows())
    groups: dict[str, set[int]] = {}
    for well, group in zip(found.ids["well_id"], found.facts["plate_group"], strict=True):
        groups.setdefault(names[well], set()).add(int(group))
    assert sorted(groups.values(), key=min) == [{0}, {1}, {2}, {3}]
    plates = pl.DataFrame({name: found.ids[name].astype(str) for name in ("experiment", "plate")}).with_columns(
        label=found.stages[Stage.ASSIGNED]
    )
    assert plates.group_by("experiment", "plate", "label").len()["len"].max() == 1
    with pytest.raises(ScreenError, match=r"design.sets: no column 'set'"):
        dn.load(run.path).predict(dn.simulate("tiny"))
