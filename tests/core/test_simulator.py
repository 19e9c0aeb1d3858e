from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from PIL import Image

from deepnoise_core.contracts.errors import OutputError, ScreenError
from deepnoise_core.contracts.screens import ImageStore, Screen
from deepnoise_core.data.simulator import (
    CHANNELS,
    METADATA_COLUMNS,
    PRESETS,
    NoiseOptions,
    SignalOptions,
    SimulatorOptions,
    simulate,
    write_screen,
)
from deepnoise_core.data.simulator.phenotype import TRAITS, perturbation_effect
from deepnoise_core.data.stores import ArrayStore

TINY = PRESETS["tiny"]
SCREEN = simulate(TINY, 5, workers=1)
PIXELS = SCREEN.store.read(np.arange(len(SCREEN)))


def test_a_screen_has_the_rxrx1_channels_and_eight_bits() -> None:
    assert SCREEN.channels == CHANNELS
    assert isinstance(SCREEN.store, ImageStore)
    assert SCREEN.store.shape == (6, 32, 32)
    assert SCREEN.store.dtype == np.uint8
    assert len(SCREEN.store) == len(SCREEN)
    assert (PIXELS.reshape(len(PIXELS), -1).std(axis=1) > 0).all()


@pytest.mark.parametrize("workers", [2, 5])
def test_workers_change_no_pixel(workers: int) -> None:
    again = simulate(TINY, 5, workers=workers)
    assert again.sites.equals(SCREEN.sites)
    assert np.array_equal(again.store.read(np.arange(len(again))), PIXELS)


def test_another_seed_gives_another_screen() -> None:
    other = simulate(TINY, 6, workers=1)
    assert not other.sites["perturbation"].equals(SCREEN.sites["perturbation"])
    assert not np.array_equal(other.store.read(np.arange(4)), PIXELS[:4])


def test_a_site_does_not_depend_on_the_rest_of_the_screen() -> None:
    layout = TINY.layout.model_copy(update={"train_experiments": {"HUVEC": 1}, "test_experiments": {}})
    part = simulate(TINY.model_copy(update={"layout": layout}), 5, workers=1)
    assert part.sites["site_id"].to_list() == SCREEN.sites["site_id"].to_list()[: len(part)]
    assert np.array_equal(part.store.read(np.arange(len(part))), PIXELS[: len(part)])


def test_progress_counts_every_site() -> None:
    calls: list[tuple[int, int]] = []
    simulate(TINY, 5, progress=lambda done, total: calls.append((done, total)), workers=2)
    assert calls == [(done, len(SCREEN)) for done in range(1, len(SCREEN) + 1)]


def test_an_interruption_ends_the_simulation() -> None:
    def interrupt(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        simulate(TINY, 5, progress=interrupt, workers=2)


def test_an_effect_is_its_perturbations_alone_and_scales_with_strength() -> None:
    signal = SignalOptions(cell_type_share=0.0)
    one = perturbation_effect(signal, 1, "PERT_0001", "HUVEC", 1.0)
    assert one.shape == (len(TRAITS),)
    assert np.array_equal(one, perturbation_effect(signal, 1, "PERT_0001", "RPE", 1.0))
    assert np.allclose(perturbation_effect(signal, 1, "PERT_0001", "HUVEC", 2.0), 2 * one)
    assert not perturbation_effect(signal, 1, "PERT_0001", "HUVEC", 0.0).any()
    assert abs(np.corrcoef(one, perturbation_effect(signal, 1, "PERT_0002", "HUVEC", 1.0))[0, 1]) < 0.6
    specific = SignalOptions(cell_type_share=0.5)
    huvec, rpe = (perturbation_effect(specific, 1, "PERT_0001", name, 1.0) for name in ("HUVEC", "RPE"))
    assert not np.array_equal(huvec, rpe)


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_presets_survive_json(name: str) -> None:
    options = PRESETS[name]
    assert SimulatorOptions.model_validate_json(options.model_dump_json()) == options


@pytest.mark.parametrize("model", [SimulatorOptions, SignalOptions, NoiseOptions])
def test_every_option_is_described(model: type[SimulatorOptions]) -> None:
    assert all(field.description for field in model.model_fields.values())


def test_a_written_screen_has_the_public_layout_and_the_same_pixels(tmp_path: Path) -> None:
    calls: list[tuple[int, int]] = []
    write_screen(SCREEN, tmp_path / "screen", progress=lambda done, total: calls.append((done, total)))
    assert calls[-1] == (len(SCREEN), len(SCREEN))
    assert [path.name for path in tmp_path.iterdir()] == ["screen"]
    metadata = pl.read_csv(tmp_path / "screen" / "metadata.csv")
    assert metadata.columns == list(METADATA_COLUMNS)
    assert metadata["sirna"].to_list() == SCREEN.sites["perturbation"].to_list()
    for row, site in enumerate(metadata.iter_rows(named=True)):
        folder = tmp_path / "screen" / "images" / site["experiment"] / f"Plate{site['plate']}"
        files = [folder / f"{site['well']}_s{site['site']}_w{number}.png" for number in range(1, 7)]
        with Image.open(files[0]) as image:
            assert (image.format, image.mode) == ("PNG", "L")
        assert np.array_equal(np.stack([np.asarray(Image.open(file)) for file in files]), PIXELS[row])


def test_a_written_screen_says_how_to_make_it_again(tmp_path: Path) -> None:
    write_screen(SCREEN, tmp_path / "screen")
    written = json.loads((tmp_path / "screen" / "simulator.json").read_text())
    assert written["seed"] == 5
    assert SimulatorOptions.model_validate(written["options"]) == TINY


def test_an_empty_folder_is_filled_and_a_full_one_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    write_screen(SCREEN.take(np.arange(2)), tmp_path / "empty")
    assert (tmp_path / "empty" / "metadata.csv").exists()
    with pytest.raises(OutputError, match="already exists"):
        write_screen(SCREEN, tmp_path / "empty")


def test_a_small_disk_is_refused_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)._replace(free=12_345)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    with pytest.raises(OutputError, match=r"a screen needs about [\d,]+ MB, but .* has 0 MB free"):
        write_screen(SCREEN, tmp_path / "deep" / "screen")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("error", "expected", "message"),
    [
        (OSError(28, os.strerror(28)), OutputError, "the disk is full"),
        (PermissionError(13, os.strerror(13)), OutputError, "Permission denied"),
        (KeyboardInterrupt(), KeyboardInterrupt, None),
    ],
)
def test_a_failure_in_the_midst_leaves_nothing(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    error: BaseException,
    expected: type[BaseException],
    message: str | None,
) -> None:
    save = Image.Image.save

    def fail_late(image: Image.Image, path: Path, **options: Any) -> None:
        if "_s2_w3" in path.name:
            raise error
        save(image, path, **options)

    monkeypatch.setattr(Image.Image, "save", fail_late)
    with pytest.raises(expected, match=message):
        write_screen(SCREEN, tmp_path / "screen")
    assert not list(tmp_path.iterdir())


def test_screens_that_rxrx1_cannot_hold_are_refused(tmp_path: Path) -> None:
    deep = Screen(SCREEN.sites, SCREEN.channels, ArrayStore(PIXELS.astype(np.uint16)), "a test")
    with pytest.raises(ScreenError, match="uint16"):
        write_screen(deep, tmp_path / "screen")
    nameless = Screen(SCREEN.sites.drop("sirna_id"), SCREEN.channels, SCREEN.store, "a test")
    with pytest.raises(ScreenError, match="sirna_id"):
        write_screen(nameless, tmp_path / "screen")
