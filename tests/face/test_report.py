"""The report as a file: what it says, what it leaves out, and that nothing in a screen can become code."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from subprocess import CompletedProcess

import numpy as np
import polars as pl
import pytest

import deepnoise as dn
from deepnoise.reports.chart import Axis, chart
from deepnoise.reports.confusion import confused_pairs, confusion, wells_shown
from deepnoise.reports.curves import curves
from deepnoise.reports.methods import Part, methods
from deepnoise.reports.page import page
from deepnoise.reports.palette import NOTHING
from deepnoise.reports.plates import Channel, plate_maps
from deepnoise.reports.quality import FEW, FINE, ODD, UNREADABLE, quality
from deepnoise.reports.thumbnails import Thumbnails, make_thumbnails
from deepnoise.reports.well_images import Grade, well_images
from deepnoise.reports.wells import MENDED, SPOILT, STILL_WRONG, correctness, flips, in_need_of_a_look, wells_of
from deepnoise_core.contracts import Predictions, Screen, Stage
from deepnoise_core.contracts.errors import InputError
from deepnoise_core.data.sites import site_table
from deepnoise_core.data.stores import ArrayStore
from deepnoise_core.engine.observation import Silent

Run = Callable[..., CompletedProcess[str]]
HOSTILE = "</script><img src=x onerror=alert(1)>"


def predictions(wells: list[str], plates: int = 1, classes: tuple[str, ...] = ("a", "b", "c")) -> Predictions:
    rows = [(str(plate), well) for plate in range(1, plates + 1) for well in wells]
    scores = np.random.default_rng(0).normal(size=(len(rows), len(classes))).astype(np.float32)
    ids = {
        "experiment": ["A-1"] * len(rows),
        "plate": [plate for plate, _ in rows],
        "well": [well for _, well in rows],
        "well_id": [f"A-1_{plate}_{well}" for plate, well in rows],
        "cell_type": ["HUVEC"] * len(rows),
        "role": ["treatment"] * len(rows),
        "part": ["test"] * len(rows),
    }
    columns = {name: np.array(values, dtype=object) for name, values in ids.items()}
    return Predictions(columns, classes, scores, {Stage.RAW: scores.argmax(axis=1)})


def screen_of(found: Predictions, side: int, channels: int) -> Screen:
    """Cells of smooth noise, which compress as real ones do."""
    table = pl.DataFrame({name: found.ids[name].tolist() for name in ("experiment", "plate", "well")})
    coarse = np.random.default_rng(0).integers(
        0, 256, (len(found), channels, side // 8, side // 8), dtype=np.uint8
    )
    pixels = coarse.repeat(8, axis=2).repeat(8, axis=3)
    names = tuple(f"channel {number}" for number in range(channels))
    return Screen(site_table(table.with_columns(site=pl.lit(1)), "table"), names, ArrayStore(pixels), "here")


def data_of(html: str) -> dict[str, object]:
    (text,) = re.findall(r'<script type="application/json" id="plates-data">(.*?)</script>', html, re.DOTALL)
    return dict(json.loads(text))


@pytest.fixture(scope="module")
def report(tiny_predictions: Path, tmp_path_factory: pytest.TempPathFactory, deepnoise: Run) -> str:
    out = tmp_path_factory.mktemp("report") / "report.html"
    done = deepnoise("report", tiny_predictions, "-o", out, "--layout", "pca")
    assert done.returncode == 0, done.stderr
    assert "open it in any browser" in done.stderr
    again = deepnoise("report", tiny_predictions, "-o", out)
    assert again.returncode == 2
    assert "never overwritten" in again.stderr
    return out.read_text()


def test_all_sections_are_there(report: str) -> None:
    assert re.findall(r'<section id="([a-z]+)"', report) == [
        "summary",
        "plates",
        "map",
        "separation",
        "confidence",
        "confused",
        "channels",
        "learning",
        "methods",
    ]
    for said in ("How sure?", "protocol custom", "plate statistics", "arXiv:2209.05772", "name: tiny", "Seed"):
        assert said in report
    assert len(re.findall("<rect class=", report)) > 50
    assert not re.search(r'(?:src|href)="(?:https?:)?//', report)
    assert " style=" not in report


def test_pictures_are_those_of_the_wells(report: str) -> None:
    data = data_of(report)
    pictures = {**dict(data["apart"]), **dict(data["together"])}  # type: ignore[call-overload]
    assert len(pictures) == len(list(data["sure"]))  # type: ignore[call-overload]
    assert all(uri.startswith("data:image/webp;base64,") for uri in pictures.values())


def test_a_run_alone_tells_how_it_learned(tiny_run: Path, tmp_path: Path) -> None:
    text = dn.report(tiny_run, tmp_path / "run.html").read_text()
    assert re.findall(r'<section id="([a-z]+)"', text) == ["summary", "learning", "methods"]
    assert "has no predictions" in text


def test_predictions_of_a_screen_that_is_gone(tiny_predictions: Path, tmp_path: Path) -> None:
    folder = tmp_path / "predictions"
    folder.mkdir()
    for file in tiny_predictions.iterdir():
        if file.is_file():
            (folder / file.name).write_bytes(file.read_bytes())
    record = json.loads((folder / "predictions.json").read_text())
    record["provenance"] |= {"screen": "/nowhere/screen", "bundle": "/nowhere/bundle"}
    (folder / "predictions.json").write_text(json.dumps(record))
    text = dn.report(folder, tmp_path / "gone.html", layout="pca").read_text()
    assert "/nowhere/screen is no longer there" in text
    assert "Nobody can say how often" in text
    assert "recipe cannot be shown" in text
    assert not data_of(text)["apart"]


def test_a_screen_without_labels(tiny_predictions: Path, tiny_screen: Path, tmp_path: Path) -> None:
    screen = dn.open_screen(tiny_screen)
    blank = replace(screen, sites=screen.sites.with_columns(perturbation=pl.lit(None, pl.String)))
    text = dn.report(
        tiny_predictions, tmp_path / "blank.html", screen=blank, megabytes=0, layout="pca", saliency=0
    ).read_text()
    assert "No accuracy is shown" in text
    assert 'value="correctness"' not in text
    assert "No pictures were asked for" in text


def test_what_is_no_source_is_refused(tmp_path: Path, tiny_predictions: Path) -> None:
    with pytest.raises(InputError, match="neither predictions"):
        dn.report(tmp_path, tmp_path / "a.html")
    with pytest.raises(InputError, match="no such folder"):
        dn.report(tiny_predictions, tmp_path / "b" / "a.html")
    with pytest.raises(InputError, match="another screen"):
        dn.report(tiny_predictions, tmp_path / "a.html", screen=screen_of(predictions(["A01"]), 8, 1))


def test_names_of_a_screen_never_become_code() -> None:
    found = predictions(["A01", "A02"], classes=(HOSTILE, "b", "c"))
    found.ids["experiment"][:] = HOSTILE
    found = replace(found, facts={"plate_group": np.array([HOSTILE] * 2, dtype=object)}, notes=(HOSTILE,))
    wells = wells_of(found, np.array([HOSTILE, "b"], dtype=object))
    section = plate_maps(wells, Thumbnails(), [(NOTHING, HOSTILE)] * 2, [Channel(HOSTILE, HOSTILE)], HOSTILE)
    html = page(HOSTILE, HOSTILE, [section])
    assert "<img" not in html
    assert html.count("</script>") == 2
    assert data_of(html)["classes"] == [HOSTILE, "b", "c"]


@pytest.mark.parametrize("names", [["B02"], ["A01", "AF48"], ["P24", "left", "right"], ["odd"]])
def test_any_plate_is_drawn(names: list[str]) -> None:
    wells = wells_of(predictions(names, plates=2), None)
    section = plate_maps(wells, Thumbnails(), None, (), "no pictures")
    assert section.body.count("data-w=") == 2 * len(names)
    assert ("no place by their names" in section.body) == any(not name[-1].isdigit() for name in names)


def test_flips_tell_who_was_mended_and_who_spoilt() -> None:
    found = predictions([f"A0{number}" for number in range(1, 6)])
    raw, assigned = np.array([0, 1, 2, 0, 1]), np.array([1, 0, 1, 0, 1])
    found = replace(found, stages={Stage.RAW: raw, Stage.ASSIGNED: assigned})
    wells = wells_of(found, np.array(["a", "a", "a", "a", None], dtype=object))
    assert [kind.meaning for kind in flips(wells)[:3]] == [one.meaning for one in (SPOILT, MENDED, STILL_WRONG)]
    assert [kind.code for kind in correctness(wells)] == ["wrong", "right", "wrong", "right", "n"]
    assert set(in_need_of_a_look(wells)[:3].tolist()) == {0, 1, 2}


def test_quality_names_what_is_odd() -> None:
    brightness = np.full((10, 2), 0.3) + np.random.default_rng(0).normal(scale=0.003, size=(10, 2))
    brightness[3, 1] = 0.9
    found = quality([2] * 9 + [1], [np.arange(10)], brightness, ["dna", "actin"], {5: "cut short"})
    kinds = [kind for kind, _ in found]
    assert kinds == [FINE] * 3 + [ODD] + [FINE] + [UNREADABLE] + [FINE] * 3 + [FEW]
    assert found[3][1] == "actin has 3 times its plate's brightness"
    assert quality([1], [np.arange(1)], np.empty((0, 0)), [], {})[0][0] == NOTHING


def test_twenty_plates_fit_ten_megabytes() -> None:
    names = [f"{row}{column:02}" for row in "ABCDEFGHIJKLMNOP" for column in range(1, 25)]
    found = predictions(names, plates=20)
    found = replace(found, stages={**found.stages, Stage.ASSIGNED: np.roll(found.stages[Stage.RAW], 1)})
    truth = np.array(["a", "b", "c"] * (len(found) // 3), dtype=object)
    wells, screen = wells_of(found, truth), screen_of(found, 32, 3)
    order = in_need_of_a_look(wells).tolist()
    images = well_images(screen, [np.array([row]) for row in range(len(found))], order)
    pairs = confused_pairs(found, wells)
    montages = images.composites(wells_shown(pairs), Grade(128, 60, 1), 1_000_000)
    spent = sum(map(len, montages.values()))
    pictures = make_thumbnails(images, order, 300, 8_000_000 - spent, Silent())
    section = plate_maps(wells, pictures, None, [Channel(name) for name in screen.channels], "")
    html = page("twenty plates", "", [section, confusion(pairs, wells, montages)])
    assert html.count("<img") == 3 * 4 * 3
    assert 0 < spent + pictures.bytes <= 8_000_000
    assert len(html.encode()) <= 10_000_000
    assert len(pictures.apart) + len(pictures.together) > 0.9 * len(found)


def test_a_short_budget_is_spent_on_wells_that_need_a_look() -> None:
    found = predictions([f"A{number:02}" for number in range(1, 25)])
    screen, wells = screen_of(found, 64, 3), wells_of(found, None)
    order = in_need_of_a_look(wells).tolist()
    sites = [np.array([row]) for row in range(len(found))]
    pictures = make_thumbnails(well_images(screen, sites, order), order, 4, 6_000, Silent())
    shown = {*pictures.apart, *pictures.together}
    assert 0 < len(shown) < len(found)
    assert shown == set(order[: len(shown)])
    section = plate_maps(wells, pictures, None, [Channel(name) for name in screen.channels], "")
    assert f"{len(found) - len(shown)} have none" in section.body


@pytest.mark.parametrize("epochs", [1, 3])
def test_curves_are_drawn_with_and_without_validation(epochs: int) -> None:
    records = [{"epoch": float(epoch), "loss/a": 2.0, "loss/b": float("nan")} for epoch in range(1, epochs + 1)]
    assert "no labelled validation wells" in curves(records, None).body
    records = [record | {"validation_accuracy": 0.0, "validation_loss": 1.0} for record in records]
    assert "kept: 0.0" in curves(records, 1).body


def test_a_work_is_cited_once_by_its_title() -> None:
    references = ("A title, arXiv:1", "arXiv:2", "arXiv:1", "")
    parts = [Part("kind", f"part {number}", "does", text) for number, text in enumerate(references)]
    body = methods([], parts, "", {}).body
    assert re.findall("<li>(.*?)</li>", body) == ["A title, arXiv:1", "arXiv:2"]
    assert re.findall('<td class="num">(.*?)</td>', body) == ["1", "2", "1", ""]


def test_charts_stay_within_their_frame() -> None:
    drawn = chart("empty", Axis("x", 0, 1), Axis("y", -1, 1, percent=True))
    assert "-100 %" in drawn
    assert 'aria-label="empty"' in drawn
