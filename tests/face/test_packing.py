"""Packing on the command line: written, verified, learned from like a screen, and gone on with after a fault."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import numpy as np
import pytest
from safetensors.numpy import load_file

import deepnoise as dn
from deepnoise_core.contracts import ImageFiles
from deepnoise_core.data.exclusions import write_exclusions
from deepnoise_core.data.memory import fits_in_memory
from deepnoise_core.data.packs import PackOptions, pack_screen

Program = Callable[..., CompletedProcess[str]]


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory, tiny_screen: Path, deepnoise: Program) -> Path:
    """A pack of the tiny screen; look, but do not touch."""
    folder = tmp_path_factory.mktemp("packs") / "tiny"
    done = deepnoise("screen", "pack", tiny_screen, folder)
    assert done.returncode == 0, done.stderr
    assert f"next: deepnoise train RECIPE --screen {folder} --out RUN" in done.stderr
    return folder


def test_a_pack_teaches_what_its_screen_does(
    pack: Path, tiny_run: Path, tmp_path: Path, deepnoise: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deepnoise.pixels.fits_in_memory", lambda screen, limit: fits_in_memory(screen, limit=0))
    done = deepnoise("train", "tiny", "--screen", pack, "--out", tmp_path / "run", "--device", "cpu")
    assert done.returncode == 0, done.stderr
    assert "deepnoise screen pack" not in done.stderr
    mine, theirs = (load_file(run / "bundle" / "model.safetensors") for run in (tmp_path / "run", tiny_run))
    assert mine.keys() == theirs.keys()
    assert all(np.array_equal(mine[name], theirs[name]) for name in mine)
    predicted = deepnoise("predict", tmp_path / "run", "--screen", pack, "--out", tmp_path / "predictions")
    assert predicted.returncode == 0, predicted.stderr
    assert deepnoise("evaluate", tmp_path / "predictions").returncode == 0


def test_a_pack_is_verified(pack: Path, tmp_path: Path, deepnoise: Program) -> None:
    whole = deepnoise("screen", "verify", pack)
    assert (whole.returncode, "all as they were packed" in whole.stdout) == (0, True)
    copy = Path(shutil.copytree(pack, tmp_path / "copy"))
    with (copy / "sites.parquet").open("ab") as file:
        file.write(b"!")
    damaged = deepnoise("screen", "verify", copy, "--json")
    assert damaged.returncode == 1
    assert [fault["file"] for fault in json.loads(damaged.stdout)["faults"]] == ["sites.parquet"]
    assert "sites.parquet" in deepnoise("screen", "verify", copy).stdout
    assert deepnoise("screen", "verify", tmp_path).returncode == 2


def test_a_damaged_image_stops_the_packing_until_it_is_mended(
    tiny_screen: Path, tmp_path: Path, deepnoise: Program
) -> None:
    screen = Path(shutil.copytree(tiny_screen, tmp_path / "screen"))
    image = next((screen / "images").rglob("*_w3.png"))
    whole = image.read_bytes()
    image.write_bytes(whole[:-40])
    stopped = deepnoise("screen", "pack", screen, tmp_path / "pack")
    assert stopped.returncode == 2
    assert str(image) in stopped.stderr
    assert "the same command goes on from there" in stopped.stderr
    skipped = deepnoise("screen", "pack", screen, tmp_path / "less", "--bad-images", "skip")
    assert skipped.returncode == 0
    assert "left out 1 sites" in skipped.stderr
    image.write_bytes(whole)
    assert deepnoise("screen", "pack", screen, tmp_path / "pack").returncode == 0
    assert len(dn.open_screen(tmp_path / "pack")) == len(dn.open_screen(tmp_path / "less")) + 1


def test_options_reach_the_pack(tiny_screen: Path, tmp_path: Path, deepnoise: Program) -> None:
    site = dn.open_screen(tiny_screen).sites["site_id"][3]
    write_exclusions(tmp_path / "bad.csv", {site: "out of focus"})
    done = deepnoise(
        *("screen", "pack", tiny_screen, tmp_path / "pack", "--codec", "none", "--size", 16),
        *("--exclude", tmp_path / "bad.csv", "--reader", "rxrx1", "--option", "sites=[1]"),
    )
    assert done.returncode == 0, done.stderr
    opened = dn.open_screen(tmp_path / "pack")
    assert opened.store.shape == (6, 16, 16)
    assert set(opened.sites["site"]) == {1}
    assert site in {one.site_id for one in opened.dropped}


@pytest.mark.parametrize(
    ("words", "message"),
    [(("--codec", "lz4"), "--codec lz4"), (("--bad-images", "mask"), "--bad-images mask")],
)
def test_an_unknown_choice_is_one_clear_error(
    tiny_screen: Path, tmp_path: Path, deepnoise: Program, words: tuple[str, str], message: str
) -> None:
    done = deepnoise("screen", "pack", tiny_screen, tmp_path / "pack", *words)
    assert done.returncode == 2
    assert message in done.stderr
    assert not list(tmp_path.iterdir())


def test_packing_in_python(tiny_screen: Path, tmp_path: Path) -> None:
    packed = dn.pack(tiny_screen, tmp_path / "pack", codec="none")
    assert packed.manifest.codec == "none"
    assert dn.open_screen(packed.path).sites.equals(dn.open_screen(tiny_screen).sites)


def test_a_damaged_first_image_can_be_skipped(tiny_screen: Path, tmp_path: Path) -> None:
    screen = Path(shutil.copytree(tiny_screen, tmp_path / "screen"))
    opened = dn.open_screen(screen)
    assert isinstance(opened.store, ImageFiles)
    opened.store.file(0, 0).write_bytes(b"")
    packed = pack_screen(dn.open_screen(screen), tmp_path / "pack", PackOptions(bad_images="skip"))
    assert list(packed.manifest.dropped) == [opened.sites["site_id"][0]]
    rest = np.arange(1, len(opened))
    assert np.array_equal(
        dn.open_screen(packed.path).store.read(rest - 1), opened.take(rest).store.read(rest - 1)
    )
