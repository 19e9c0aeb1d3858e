"""Images that are damaged before or while a run reads them, sites that are excluded, and time spent waiting."""

import hashlib
import json
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

import deepnoise as dn
from deepnoise.api import installed
from deepnoise.training import Run, resume_run
from deepnoise_core.contracts.errors import ImageError, ModelError, ScreenError
from deepnoise_core.data.exclusions import write_exclusions
from deepnoise_core.data.memory import fits_in_memory
from deepnoise_core.data.prediction_table import read_predictions
from deepnoise_core.data.stores import FileStore
from deepnoise_core.engine.observation import Advance, Silent
from deepnoise_core.testing.notes import Notes

Program = Callable[..., CompletedProcess[str]]

TRAIN, VALIDATION, TEST = "HUVEC-02", "RPE-01", "RPE-02"
"""An experiment of each part, as the recipe `tiny` divides its screen."""


@pytest.fixture
def screen(tiny_screen: Path, tmp_path: Path) -> Path:
    """A copy of the tiny screen to damage."""
    return Path(shutil.copytree(tiny_screen, tmp_path / "screen"))


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> None:
    """No screen is small enough for memory."""
    monkeypatch.setattr("deepnoise.pixels.fits_in_memory", lambda screen, limit: fits_in_memory(screen, limit=0))


def sites_of(screen: Path, experiment: str) -> pl.DataFrame:
    opened = dn.open_screen(screen).sites
    return opened.filter((pl.col("experiment") == experiment) & (pl.col("role") == "treatment"))


def image_of(screen: Path, site: Mapping[str, Any]) -> Path:
    name = f"{site['well']}_s{site['site']}_w3.png"
    return screen / "images" / str(site["experiment"]) / f"Plate{site['plate']}" / name


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-40])


class Watching(Notes):
    """Keeps all notes, and does something when a task begins."""

    def __init__(self, at: str = "", action: Callable[[], None] = lambda: None, stop_after: int = 99) -> None:
        super().__init__()
        self.at, self.action, self.stop_after = at, action, stop_after

    @contextmanager
    def task(self, name: str, total: int) -> Iterator[Advance]:
        if self.at and name.startswith(self.at):
            self.action()
        yield lambda count, text="": None

    def epoch(self, record: Mapping[str, float]) -> None:
        if record["epoch"] >= self.stop_after:
            raise KeyboardInterrupt


def trained(screen: Path, out: Path, *sets: str, observer: Silent | None = None, **options: Any) -> Run:
    recipe = dn.load_recipe("tiny", sets=["data.bad_images=skip", *sets])
    run = dn.train(recipe, screen, out, device="cpu", observer=observer, **options)
    assert isinstance(run, Run)
    return run


def weights(run: Run) -> str:
    return hashlib.sha256((run.bundle / "model.safetensors").read_bytes()).hexdigest()


def metrics(run: Run) -> list[dict[str, float]]:
    return [json.loads(line) for line in (run.path / "metrics.jsonl").read_text().splitlines()]


def test_a_site_that_is_bad_from_the_start_counts_as_never_listed(
    screen: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = sites_of(screen, TRAIN).row(3, named=True)
    truncate(image_of(screen, site))
    write_exclusions(tmp_path / "mine.csv", {site["site_id"]: "is cut"})
    excluded = trained(screen, tmp_path / "excluded", "train.epochs=1", exclude=tmp_path / "mine.csv")
    watching = Watching()
    in_memory = trained(screen, tmp_path / "memory", "train.epochs=1", observer=watching)
    monkeypatch.setattr("deepnoise.pixels.fits_in_memory", lambda screen, limit: False)
    from_files = trained(screen, tmp_path / "files", "train.epochs=1")
    for skipped in (in_memory, from_files):
        assert weights(skipped) == weights(excluded)
        assert list(skipped.card["screen"]["dropped"]) == [site["site_id"]]
        assert image_of(screen, site).name in skipped.card["screen"]["dropped"][site["site_id"]]
        assert skipped.card["screen"]["sites"] == excluded.card["screen"]["sites"]
        assert skipped.card["bad_images"] == {}
    assert [note for note in watching.told if site["site_id"] in note and "all are listed in run.json" in note]


@pytest.mark.usefixtures("large")
@pytest.mark.parametrize("sets", [[], ["normalizer=none"]], ids=["measured", "not measured"])
def test_the_very_first_image_may_be_the_bad_one(sets: list[str], screen: Path, tmp_path: Path) -> None:
    first = dn.open_screen(screen).sites.row(0, named=True)
    for path in image_of(screen, first).parent.glob(f"{first['well']}_s{first['site']}_w*.png"):
        path.write_bytes(b"")
    run = trained(screen, tmp_path / "run", "train.max_steps=1", *sets)
    assert list(run.card["screen"]["dropped"]) == [first["site_id"]]


@pytest.mark.usefixtures("large")
@pytest.mark.parametrize("experiment", [TRAIN, VALIDATION, TEST], ids=["train", "validation", "test"])
def test_a_site_that_is_damaged_after_the_statistics_is_missed_from_its_batches(
    experiment: str, screen: Path, tmp_path: Path, tells_of: Callable[..., None]
) -> None:
    site = sites_of(screen, experiment).row(3, named=True)
    watching = Watching("epoch 1/", lambda: truncate(image_of(screen, site)))
    run = trained(screen, tmp_path / "run", observer=watching)
    assert list(run.card["bad_images"]) == [site["site_id"]]
    assert image_of(screen, site).name in run.card["bad_images"][site["site_id"]]
    assert run.card["screen"]["dropped"] == {}
    (note,) = (note for note in watching.told if site["site_id"] in note)
    tells_of("the same with `data.bad_images: skip`", note)
    assert [line["epoch"] for line in metrics(run)] == [1, 2]
    assert json.loads((run.path / "run.json").read_text())["bad_images"] == run.card["bad_images"]


@pytest.mark.usefixtures("large")
def test_a_run_that_went_on_without_a_site_resumes_as_if_never_stopped(screen: Path, tmp_path: Path) -> None:
    site = sites_of(screen, TRAIN).row(3, named=True)
    truncate(image_of(screen, site))
    straight = trained(screen, tmp_path / "straight", "normalizer=none")
    assert list(straight.card["bad_images"]) == [site["site_id"]]
    with pytest.raises(KeyboardInterrupt):
        trained(screen, tmp_path / "run", "normalizer=none", observer=Watching(stop_after=1))
    watching = Watching()
    resumed = resume_run(tmp_path / "run", None, installed(), device="cpu", observer=watching)
    assert weights(resumed) == weights(straight)
    assert resumed.card["bad_images"] == straight.card["bad_images"]
    assert not [note for note in watching.told if site["site_id"] in note]


def test_a_resumed_run_goes_on_without_what_was_damaged_meanwhile(screen: Path, tmp_path: Path) -> None:
    before, after = (sites_of(screen, TRAIN).row(row, named=True) for row in (3, 6))
    truncate(image_of(screen, before))
    with pytest.raises(KeyboardInterrupt):
        trained(screen, tmp_path / "run", observer=Watching(stop_after=1))
    truncate(image_of(screen, after))
    run = resume_run(tmp_path / "run", None, installed(), device="cpu")
    assert list(run.card["screen"]["dropped"]) == [before["site_id"]]
    assert list(run.card["bad_images"]) == [after["site_id"]]


def test_a_screen_that_lost_a_site_is_not_resumed(
    screen: Path, tmp_path: Path, tells_of: Callable[..., None]
) -> None:
    site = sites_of(screen, TRAIN).row(3, named=True)
    with pytest.raises(KeyboardInterrupt):
        trained(screen, tmp_path / "run", observer=Watching(stop_after=1))
    image_of(screen, site).unlink()
    with pytest.raises(
        ModelError, match=f"began with site {site['site_id']}, which cannot be used now"
    ) as raised:
        resume_run(tmp_path / "run", None, installed(), device="cpu")
    tells_of("the screen lost a site", raised.value, 2)
    table = pl.read_csv(screen / "metadata.csv")
    table.filter(pl.col("site_id") != site["site_id"]).write_csv(screen / "metadata.csv")
    with pytest.raises(
        ModelError, match=f"began with {len(table)} sites, but .* has {len(table) - 1} now"
    ) as raised:
        resume_run(tmp_path / "run", None, installed(), device="cpu")
    tells_of("the screen has other sites", raised.value, 2)


@pytest.mark.usefixtures("large")
def test_a_batch_without_two_labelled_sites_is_skipped_and_counted(
    screen: Path, tmp_path: Path, tells_of: Callable[..., None]
) -> None:
    site = sites_of(screen, TRAIN).row(3, named=True)
    watching = Watching("epoch 1/", lambda: truncate(image_of(screen, site)))
    run = trained(screen, tmp_path / "run", "train.batch_size=2", "train.epochs=1", observer=watching)
    (line,) = metrics(run)
    assert line["skipped_batches"] == 1
    tells_of("a batch has one labelled site left", watching.told)
    assert run.card["steps"] == line["step"]


@pytest.mark.parametrize("sets", [[], ["normalizer=none"]], ids=["measured", "not measured"])
@pytest.mark.usefixtures("large")
def test_more_than_a_tenth_of_bad_sites_stop_the_run(
    sets: list[str], screen: Path, tmp_path: Path, tells_of: Callable[..., None]
) -> None:
    for site in dn.open_screen(screen).sites.iter_rows(named=True):
        if site["well"].startswith("C"):
            truncate(image_of(screen, site))
    with pytest.raises(ImageError) as raised:
        trained(screen, tmp_path / "run", *sets)
    tells_of("more than a tenth of all sites cannot be read", raised.value, 2)
    assert not (tmp_path / "run").exists()


def test_wells_are_predicted_from_the_sites_that_can_be_read(
    tiny_run: Path, screen: Path, tmp_path: Path, deepnoise: Program
) -> None:
    sites = sites_of(screen, TEST)
    whole, half = sites["well_id"].unique(maintain_order=True)[:2]
    lost = [*sites.filter(pl.col("well_id") == whole).rows(named=True)]
    lost += [sites.filter(pl.col("well_id") == half).row(0, named=True)]
    for site in lost:
        truncate(image_of(screen, site))
    words = ("predict", tiny_run, "--screen", screen, "--part", "test", "--device", "cpu")
    done = deepnoise(*words, "--out", tmp_path / "refused")
    assert done.returncode == 2
    assert image_of(screen, lost[0]).name in done.stderr or image_of(screen, lost[1]).name in done.stderr

    done = deepnoise(*words, "--out", tmp_path / "skipped", "--bad-images", "skip")
    assert done.returncode == 0, done.stderr
    assert f"1 wells are not predicted, since none of their sites can be read: '{whole}'" in done.stderr
    write_exclusions(tmp_path / "mine.csv", {site["site_id"]: "is cut" for site in lost})
    done = deepnoise(*words, "--out", tmp_path / "excluded", "--exclude", tmp_path / "mine.csv")
    assert done.returncode == 0, done.stderr

    found, provenance = read_predictions(tmp_path / "skipped")
    expected, excluded = read_predictions(tmp_path / "excluded")
    assert found.ids["well_id"].tolist() == expected.ids["well_id"].tolist()
    assert half in found.ids["well_id"]
    assert whole not in found.ids["well_id"]
    np.testing.assert_allclose(found.scores, expected.scores, rtol=1e-4, atol=1e-5)
    assert (
        set(provenance["dropped_sites"]) == set(excluded["dropped_sites"]) == {site["site_id"] for site in lost}
    )
    assert any(note.startswith(f"left out {len(lost)} sites that cannot be read") for note in found.notes)


def test_excluded_sites_stay_excluded_when_a_run_resumes(
    screen: Path, tmp_path: Path, deepnoise: Program
) -> None:
    names = sites_of(screen, TRAIN)["site_id"].to_list()[2:6:3]
    write_exclusions(tmp_path / "mine.csv", dict.fromkeys(names, "dust"))
    out = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        trained(screen, out, observer=Watching(stop_after=1), exclude=tmp_path / "mine.csv")
    assert (out / "exclude.csv").read_text() == (tmp_path / "mine.csv").read_text()
    straight = trained(screen, tmp_path / "straight", exclude=tmp_path / "mine.csv")
    done = deepnoise("train", "--resume", out, "--device", "cpu")
    assert done.returncode == 0, done.stderr
    card = json.loads((out / "run.json").read_text())
    assert card["screen"]["dropped"] == dict.fromkeys(names, "dust")
    resumed = Run(out, out / "bundle", card)
    assert weights(resumed) == weights(straight)


def test_wrong_exclusions_are_refused(screen: Path, tmp_path: Path, deepnoise: Program) -> None:
    name = sites_of(screen, TRAIN)["site_id"][0]
    write_exclusions(tmp_path / "mine.csv", {name: "dust", name + "1": "dust"})
    words = ("--screen", screen, "--out", tmp_path / "run", "--exclude", tmp_path / "mine.csv")
    done = deepnoise("train", "tiny", *words)
    assert done.returncode == 2
    assert f"mine.csv:3: {screen} has no site '{name}1', did you mean '{name}'" in done.stderr
    done = deepnoise("train", "--resume", tmp_path / "run", "--exclude", tmp_path / "mine.csv")
    assert done.returncode == 2
    assert "--exclude with it" in done.stderr
    assert not (tmp_path / "run").exists()
    with pytest.raises(ScreenError, match="file not found"):
        dn.train("tiny", screen, tmp_path / "run", exclude=tmp_path / "none.csv")


def test_a_policy_that_is_none_is_refused(
    tiny_run: Path, screen: Path, tmp_path: Path, deepnoise: Program
) -> None:
    words = ("--screen", screen, "--out", tmp_path / "out", "--bad-images", "maybe")
    done = deepnoise("predict", tiny_run, *words)
    assert done.returncode == 2
    assert "--bad-images maybe is none of error, skip" in done.stderr


@pytest.mark.usefixtures("large")
def test_waiting_for_images_is_told(
    screen: Path, tmp_path: Path, deepnoise: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = FileStore.read

    def slowly(store: FileStore, rows: NDArray[np.int64]) -> NDArray[Any]:
        time.sleep(0.05)
        return read(store, rows)

    monkeypatch.setattr(FileStore, "read", slowly)
    monkeypatch.setattr("deepnoise_core.engine.training._LONG_WAIT", 0.0)  # how long steps take is the machine's
    words = ("--screen", screen, "--out", tmp_path / "run", "--device", "cpu", "--set", "normalizer=none")
    done = deepnoise("train", "tiny", *words)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count(f"of the time was waiting for images; deepnoise screen pack {screen} OUT") == 1
    assert done.stderr.count("  waited ") == 2
    lines = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert all(0 < line["waiting"] <= 1 for line in lines)
    assert all(line["waiting"] * line["seconds"] > 0.04 for line in lines)


def test_batches_that_cannot_be_made_are_refused_before_anything_is_read(
    tiny_screen: Path, tmp_path: Path, deepnoise: Program
) -> None:
    words = ("train", "tiny", "--screen", tiny_screen, "--out", tmp_path / "run", "--set")
    done = deepnoise(*words, "train.batches.mix=random", "train.batches.domain=plate")
    assert done.returncode == 2
    assert "random is one shuffle of all sites" in done.stderr
    done = deepnoise(*words, "train.batches.mix=random", "train.batch_size=2")
    assert done.returncode == 2
    assert "make train.batch_size larger" in done.stderr
    assert not (tmp_path / "run").exists()
