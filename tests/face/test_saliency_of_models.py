"""Saliency by the very path that a model predicts by."""

import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import deepnoise as dn
from deepnoise.model import Model
from deepnoise.saliency import channel_saliency, heat_maps
from deepnoise_core.contracts import Screen, Stage
from deepnoise_core.contracts.errors import ImageError, ModelError, PredictionsError
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


@pytest.mark.parametrize(("least", "way"), [(1, "Grad-CAM"), (4, "occlusion")])
def test_heat_lies_on_sites_in_the_order_asked(
    least: int, way: str, model: Model, screen: Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deepnoise.saliency._LEAST_PLACES", least)
    rows = screen.sites.with_row_index().filter(pl.col("role") == "treatment")["index"].to_numpy()[[5, 2]]
    heat = heat_maps(model, screen, rows, device="cpu")
    assert heat.maps.shape == (2, 32, 32)
    assert heat.way == way
    assert "whose map has 2 × 2 places" in heat.notes[0]
    swapped = heat_maps(model, screen, rows[::-1], device="cpu")
    np.testing.assert_allclose(swapped.maps[::-1], heat.maps, atol=1e-6)
    one, other = model.bundle.manifest.classes[:2]
    asked, flipped = (
        heat_maps(model, screen, rows, names, device="cpu") for names in ((one, other), (other, one))
    )
    assert not np.allclose(asked.maps, flipped.maps)


def test_a_network_without_a_map_is_asked_by_occlusion(
    model: Model, screen: Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_map(*_: object) -> None:
        raise ModelError("Grad-CAM needs a feature map")

    monkeypatch.setattr("deepnoise.saliency.grad_cam", no_map)
    heat = heat_maps(model, screen, np.array([3, 1]), device="cpu")
    assert heat.way == "occlusion"
    assert heat.notes == ("Grad-CAM needs a feature map.",)
    assert heat.maps.shape == (2, 32, 32)
    assert heat.maps.any()


def test_a_site_that_cannot_be_read_has_no_heat(model: Model, tiny_screen: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny_screen, tmp_path / "screen"))
    site = dn.open_screen(folder).sites.row(3, named=True)
    images = folder / "images" / site["experiment"] / f"Plate{site['plate']}"
    image = images / f"{site['well']}_s{site['site']}_w3.png"
    image.write_bytes(image.read_bytes()[:-40])
    with pytest.raises(ImageError, match="w3"):
        heat_maps(model, dn.open_screen(folder), np.array([3]), device="cpu")
