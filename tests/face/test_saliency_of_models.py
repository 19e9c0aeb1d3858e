"""Saliency by the very path that a model predicts by."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

import deepnoise as dn
from deepnoise.model import Model
from deepnoise.saliency import channel_saliency, heat_maps
from deepnoise_core.contracts import Screen, Stage
from deepnoise_core.contracts.errors import PredictionsError
from deepnoise_core.data.stores import ArrayStore


@pytest.fixture(scope="module")
def model(tiny_run: Path) -> Model:
    loaded = dn.load(tiny_run)
    assert isinstance(loaded, Model)
    return loaded


@pytest.fixture(scope="module")
def screen(tiny_screen: Path) -> Screen:
    return dn.open_screen(tiny_screen)


def test_labels_are_those_of_predict_and_tables_agree(model: Model, screen: Screen) -> None:
    predictions = model.predict(screen, part="test", device="cpu")
    labels = predictions.stages[Stage.RAW]
    named = labels >= 0
    raw = dict(zip(predictions.ids["well_id"][named], np.array(predictions.classes)[labels[named]], strict=True))
    found = channel_saliency(model, screen, list(raw), device="cpu")
    assert dict(found.wells.select("well_id", "class").rows()) == raw
    assert found.wells.height == len(raw) * len(screen.channels)
    assert found.overall["channel"].to_list() == list(screen.channels)
    np.testing.assert_allclose(found.overall["fall"].to_numpy().mean(), found.wells["fall"].to_numpy().mean())
    sizes = found.by_class.unique("class")["wells"]
    assert sizes.sum() == len(raw)
    weighted = (found.by_class["changed"] * found.by_class["wells"]).sum()
    assert weighted == pytest.approx(found.wells["changed"].sum())


def test_a_channel_that_is_even_everywhere_loses_nothing(model: Model, screen: Screen) -> None:
    pixels = screen.store.read(np.arange(len(screen)))
    pixels[:, 4] = 7
    even = Screen(screen.sites, screen.channels, ArrayStore(pixels), "even")
    found = channel_saliency(model, even, device="cpu")
    fall = dict(found.overall.select("channel", "fall").rows())
    assert abs(fall[screen.channels[4]]) < 1e-5
    assert min(abs(value) for name, value in fall.items() if name != screen.channels[4]) > 1e-5


def test_few_wells_are_always_the_same_and_the_fill_is_named(model: Model, screen: Screen) -> None:
    few = channel_saliency(model, screen, most=5, fill="negative_controls", device="cpu")
    again = channel_saliency(model, screen, most=5, fill="negative_controls", device="cpu")
    assert few.wells["well_id"].n_unique() == 5
    assert few.wells.equals(again.wells)
    assert few.fill == "negative_controls"


def test_what_cannot_be_looked_at_is_named(model: Model, screen: Screen) -> None:
    with pytest.raises(PredictionsError, match="no wells 'nowhere'"):
        channel_saliency(model, screen, ["nowhere"], device="cpu")
    treated = screen.take(np.flatnonzero(screen.sites["role"] == "treatment"))
    with pytest.raises(PredictionsError, match="no negative controls"):
        channel_saliency(model, treated, fill="negative_controls", device="cpu")


def test_heat_lies_on_sites_in_the_order_asked(model: Model, screen: Screen) -> None:
    rows = screen.sites.with_row_index().filter(pl.col("role") == "treatment")["index"].to_numpy()[[5, 2]]
    maps, layer = heat_maps(model, screen, rows, device="cpu")
    assert maps.shape == (2, 32, 32)
    assert layer
    swapped, _ = heat_maps(model, screen, rows[::-1], device="cpu")
    np.testing.assert_allclose(swapped[::-1], maps, atol=1e-6)
