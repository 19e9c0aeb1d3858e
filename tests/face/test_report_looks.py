"""The report's sections of confused wells and of evidence: what they say, count and show."""

import re
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

import deepnoise as dn
from deepnoise.pictures.heat import overlaid
from deepnoise.reports.attribution import bundle_of
from deepnoise.reports.confusion import SHOWN, confused_pairs, confusion
from deepnoise.reports.gathering import Material
from deepnoise.reports.notes import folded
from deepnoise.reports.well_images import Grade, well_images
from deepnoise.reports.wells import wells_of
from deepnoise_core.contracts import Predictions, Screen, Stage
from deepnoise_core.contracts.errors import ImageError, ModelError
from deepnoise_core.data.sites import site_table
from deepnoise_core.data.stores import ArrayStore

CLASSES = ("a", "b", "c")


def predicted(said: str, part: str = "test") -> Predictions:
    """Wells A01, A02 … of one plate that are named so, each less sure than the one before."""
    count = len(said)
    scores = np.zeros((count, len(CLASSES)), np.float32)
    for well, name in enumerate(said):
        scores[well, CLASSES.index(name)] = count + 1 - well
    names = [f"A{number:02}" for number in range(1, count + 1)]
    ids = {
        "experiment": ["E-1"] * count,
        "plate": ["2"] * count,
        "well": names,
        "well_id": [f"E-1_2_{name}" for name in names],
        "cell_type": ["U2OS"] * count,
        "role": ["treatment"] * count,
        "part": [part] * count,
    }
    columns = {name: np.array(values, dtype=object) for name, values in ids.items()}
    return Predictions(columns, CLASSES, scores, {Stage.RAW: scores.argmax(axis=1)})


def section_of(found: Predictions, truth: str, pictures: dict[int, str] | None = None) -> str:
    wells = wells_of(found, np.array([None if name == "?" else name for name in truth], dtype=object))
    return str(confusion(confused_pairs(found, wells), wells, pictures or {}).body)


def test_counts_are_said_in_words() -> None:
    body = section_of(predicted("abbbacc"), "aaabbcb")
    assert "take 4 of 7 held-out wells for another perturbation" in body
    assert "2 of 3 wells of a are taken for b, and 1 of 3 wells of b for a." in body
    assert "1 of 3 wells of b is taken for c, and none of 1 well of c for b." in body
    assert "4 in all" in body
    for title in ("a, named so: 1", "a, taken for b: 2", "b, named so: 1", "b, taken for a: 1"):
        assert f"<figcaption>{title}</figcaption>" in body
    assert "stage assigned" not in body
    found = predicted("abb")
    found = found.with_stage(Stage.ASSIGNED, np.array([0, 0, 1]))
    assert "The stage assigned names 1 of these 2 rightly." in section_of(found, "aaa")
    assert "The stage assigned names it wrongly, too." in section_of(found, "aba")


def test_nothing_confused_and_nothing_known_are_told_apart() -> None:
    assert "Nothing is confused" in section_of(predicted("abc"), "abc")
    assert "Nobody can say" in section_of(predicted("abc"), "???")
    assert "Nobody can say" in section_of(predicted("abc", part="train"), "cab")
    assert "take 3 of 3 held-out wells" in section_of(predicted("abc", part="validation"), "cab")


def test_each_picture_is_named_and_the_surest_wells_are_shown() -> None:
    found, truth = predicted("b" * 5), "a" * 5
    pictures = {well: f"data:image/webp;base64,{well}" for well in range(4)}
    body = section_of(found, truth, pictures)
    assert re.findall(r'data-w="(\d+)"', body) == ["0", "1", "2"]
    assert body.count("<img") == SHOWN
    assert 'alt="cells of E-1/2 A01, a, taken for b"' in body
    assert "<span>E-1/2 A03</span>" in body
    without = section_of(found, truth)
    assert "<img" not in without
    assert "<span>E-1/2 A03</span>" in without


def test_notes_that_say_the_same_are_told_once() -> None:
    alike = [f"experiment E-{number}: leads by 0.{number}" for number in range(4)]
    assert folded(["one", *alike[:2], "two", *alike[2:]]) == [["one"], alike, ["two"]]
    assert folded(alike[:3]) == [[note] for note in alike[:3]]


class Torn(ArrayStore):
    """A store of which the second site cannot be read."""

    def read(self, rows: NDArray[np.int64]) -> NDArray[np.uint8]:
        if 1 in rows:
            raise ImageError("torn")
        return np.asarray(super().read(rows))


def test_composites_keep_to_their_budget_and_name_faults() -> None:
    found = predicted("abc")
    table = pl.DataFrame({name: found.ids[name].tolist() for name in ("experiment", "plate", "well")})
    pixels = np.random.default_rng(0).integers(0, 256, (3, 2, 32, 32), dtype=np.uint8)
    screen = Screen(site_table(table.with_columns(site=pl.lit(1)), "table"), ("x", "y"), Torn(pixels), "here")
    images = well_images(screen, [np.array([row]) for row in range(3)], [0, 1, 2])
    grade = Grade(16, 60, 1)
    made = images.composites([2, 2, 1, 0], grade, 1_000_000)
    assert list(made) == [2, 0]
    assert images.faults == {1: "torn"}
    assert list(images.composites([2, 0], grade, len(made[2]) + 10)) == [2]


def test_evidence_is_yellow_over_grey_cells() -> None:
    channels = np.full((2, 8, 8), 120, np.uint8)
    heat = np.zeros((4, 4), np.float32)
    heat[0, 0] = 3.0
    picture = overlaid(channels, heat).astype(int)
    assert (picture[4:, 4:] == 120).all()
    red, green, blue = picture[0, 0]
    assert red > 200
    assert green > 150
    assert blue < 120
    assert (overlaid(channels, np.zeros((4, 4), np.float32)) == 120).all()


def test_evidence_is_shown_of_held_out_wells(tiny_report: str) -> None:
    body = section(tiny_report, "channels")
    assert "by occlusion: places without which" in body
    assert "violet for a little" in body
    assert 2 <= body.count('alt="occlusion of ') <= 6
    assert body.count("<img") == 2 * body.count("occlusion of ")
    assert "The surest of those named wrongly" in body
    assert "Grad-CAM would be made of the layer" in body


def test_networks_whose_map_is_fine_enough_get_grad_cam(
    tiny_predictions: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deepnoise.saliency._LEAST_PLACES", 1)
    page = dn.report(tiny_predictions, tmp_path / "a.html", layout="pca", saliency=3).read_text()
    body = section(page, "channels")
    assert "by Grad-CAM: places whose features raise" in body
    assert 1 <= body.count('alt="Grad-CAM of ') <= 3


def test_networks_without_a_map_get_occlusion_and_a_note(
    tiny_predictions: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_map(*_: object) -> None:
        raise ModelError("Grad-CAM needs a feature map, but this makes none")

    monkeypatch.setattr("deepnoise.saliency.grad_cam", no_map)
    body = section(
        dn.report(tiny_predictions, tmp_path / "a.html", layout="pca", saliency=3).read_text(), "channels"
    )
    assert "by occlusion: places without which" in body
    assert body.count('alt="occlusion of ') <= 3
    assert "<li>Grad-CAM needs a feature map, but this makes none.</li>" in body
    assert "What 3 wells lose" in body

    def broken(*_: object, **__: object) -> None:
        raise ImageError("torn")

    monkeypatch.setattr("deepnoise.reports.attribution.heat_maps", broken)
    body = section(
        dn.report(tiny_predictions, tmp_path / "b.html", layout="pca", saliency=3).read_text(), "channels"
    )
    assert "Where in the image the evidence lies is not shown: torn." in body
    assert "<img" not in body


def test_models_that_cannot_be_asked_are_told_apart(tmp_path: Path) -> None:
    def why(**provenance: object) -> str:
        return bundle_of(Material(tmp_path, provenance=provenance))[1]

    assert why(embeddings="table.csv") == "no network made these predictions"
    assert why(members=[]) == "these are predictions of several models together"
    assert why(bundle=tmp_path) == "the model's folder is no longer there"
    (tmp_path / "recipe.yaml").touch()
    assert why(bundle=tmp_path) == "the screen is not at hand"


def test_without_pictures_the_words_stay(tiny_predictions: Path, tmp_path: Path) -> None:
    text = written(tiny_predictions, tmp_path / "a.html", saliency=2, megabytes=0)
    assert "<img" not in text
    assert "taken for" in section(text, "confused")
    assert "What 2 wells lose" in section(text, "channels")


def written(source: Path, out: Path, *, saliency: int, megabytes: float = 8.0) -> str:
    return dn.report(source, out, layout="pca", saliency=saliency, megabytes=megabytes).read_text()


def section(page: str, key: str) -> str:
    found = re.search(rf'<section id="{key}".*?</section>', page, re.DOTALL)
    assert found is not None
    return found.group()


@pytest.fixture(scope="module")
def tiny_report(tiny_predictions: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    return written(tiny_predictions, tmp_path_factory.mktemp("looks") / "report.html", saliency=12)
