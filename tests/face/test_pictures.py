"""Pictures are written, readable, and fit any plate."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image

import deepnoise as dn
from deepnoise.pictures.curves import draw_curves
from deepnoise.pictures.montage import draw_montage
from deepnoise.pictures.plate_map import draw_plate_maps
from deepnoise_core.contracts import Predictions, Screen, Stage
from deepnoise_core.data.sites import site_table
from deepnoise_core.data.stores import ArrayStore


def size(path: Path) -> tuple[int, int]:
    with Image.open(path) as image:
        image.verify()
        assert image.format == "PNG"
        return image.size


def predictions(wells: list[str], plates: int) -> Predictions:
    rows = [(str(plate), well) for plate in range(1, plates + 1) for well in wells]
    scores = np.random.default_rng(0).normal(size=(len(rows), 3)).astype(np.float32)
    ids = {
        "experiment": np.array(["A-01"] * len(rows)),
        "plate": np.array([plate for plate, _ in rows]),
        "well": np.array([well for _, well in rows]),
    }
    return Predictions(ids, ("a", "b", "c"), scores, {Stage.RAW: scores.argmax(axis=1)})


@pytest.mark.parametrize("wells", [["B02"], ["A1", "A2", "H12"], ["B02", "O23"], ["A01", "AF48"]])
@pytest.mark.parametrize("plates", [1, 3, 4])
def test_any_plate_is_drawn(wells: list[str], plates: int, tmp_path: Path) -> None:
    found = predictions(wells, plates)
    (path,) = draw_plate_maps(found, tmp_path / "maps", correct=np.arange(len(found)) % 2 == 0)
    width, height = size(path)
    assert 300 < width < 3000
    assert 150 < height < 3000


def test_wells_of_no_class_stay_grey(tmp_path: Path) -> None:
    found = predictions(["A01", "A02"], 1)
    found.scores[1] = -np.inf
    (path,) = draw_plate_maps(found, tmp_path / "with")
    one = replace(found, ids={name: column[:1] for name, column in found.ids.items()}, scores=found.scores[:1])
    (alone,) = draw_plate_maps(one, tmp_path / "alone")
    assert path.read_bytes() == alone.read_bytes()
    found.scores[:] = -np.inf
    assert not draw_plate_maps(found, tmp_path / "none")


@pytest.mark.parametrize("validated", [True, False])
def test_curves_are_drawn_with_and_without_validation(validated: bool, tmp_path: Path) -> None:
    record = {"epoch": 1, "step": 3, "lr": 0.1, "loss/cross_entropy": 2.0, "accepted": 900.0, "seconds": 1.0}
    if validated:
        record |= {"validation_accuracy": 0.5, "validation_loss": 1.0}
    metrics = tmp_path / "metrics.jsonl"
    metrics.write_text("\n".join(json.dumps({**record, "epoch": epoch}) for epoch in (1, 2)))
    draw_curves(metrics, tmp_path / "curves.png", title="two epochs")
    assert size(tmp_path / "curves.png")[0] > 800


def test_a_montage_shows_experiments_and_channels(tmp_path: Path) -> None:
    draw_montage(dn.simulate("tiny"), tmp_path / "sites.png")
    width, height = size(tmp_path / "sites.png")
    assert width > height > 400


@pytest.mark.parametrize("shape", [(1, 1, 9, 9), (1, 3, 20, 60), (7, 12, 40, 10)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_montage_fits_any_screen(shape: tuple[int, ...], dtype: type, tmp_path: Path) -> None:
    sites, channels, *_ = shape
    table = pl.DataFrame(
        {"experiment": "A", "plate": "1", "well": [f"A{i + 1}" for i in range(sites)], "site": 1}
    )
    pixels = np.random.default_rng(0).integers(0, np.iinfo(dtype).max, shape, dtype=dtype)
    pixels[0] = 3
    names = tuple(f"channel {number}" for number in range(channels))
    screen = Screen(site_table(table, "table"), names, ArrayStore(pixels), "here", stains={names[0]: "a dye"})
    draw_montage(screen, tmp_path / "sites.png")
    assert max(size(tmp_path / "sites.png")) < 4000
