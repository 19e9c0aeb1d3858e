"""Embeddings of sites in shards, and predictions made by way of them: killed, damaged, asked for otherwise."""

import hashlib
import json
import os
import shutil
import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import numpy as np
import polars as pl
import pytest

import deepnoise as dn
from deepnoise import prediction, site_outputs
from deepnoise.api import installed
from deepnoise.ensembles import load_models
from deepnoise.prediction import predict_folder, write_folder
from deepnoise.site_outputs import Keep
from deepnoise_core.contracts.errors import InputError, ModelError, OtherWorkError
from deepnoise_core.contracts.screens import SITE_COLUMNS
from deepnoise_core.data.prediction_table import read_predictions
from deepnoise_core.data.shards import ShardFolder, read_record
from deepnoise_core.engine.observation import Silent
from deepnoise_core.engine.prediction import predict_rows
from deepnoise_core.testing.notes import Notes
from deepnoise_core.testing.screens import random_screen

Done = CompletedProcess[str]
FEW = 4


def words_of(run: Path, screen: Path, out: Path, *more: object) -> list[object]:
    return ["embed", run, "--screen", screen, "--out", out, "--device", "cpu", "--shard-sites", FEW, *more]


@pytest.fixture(scope="module")
def embedded(
    tiny_run: Path, tiny_screen: Path, deepnoise: Callable[..., Done], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The embeddings of the tiny screen; look, but do not touch."""
    out = tmp_path_factory.mktemp("embedded") / "tiny"
    done = deepnoise(*words_of(tiny_run, tiny_screen, out))
    assert done.returncode == 0, done.stderr
    assert f"in 24 shards in {out}, which is complete" in done.stderr
    return out


def interrupted(*_: object) -> None:
    raise KeyboardInterrupt


def contents(folder: Path) -> dict[str, bytes]:
    return {
        file.relative_to(folder).as_posix(): file.read_bytes() for file in folder.rglob("*") if file.is_file()
    }


def test_a_site_has_the_embedding_that_prediction_gives_it(
    embedded: Path, tiny_run: Path, tiny_screen: Path
) -> None:
    model, screen = load_models([tiny_run], installed()), dn.open_screen(tiny_screen)
    sites = model.predict(screen, unit="site", device="cpu")
    table = dn.scan_embeddings(embedded).collect()
    for name, column in sites.ids.items():
        assert table[f"Metadata_{name}"].to_list() == column.tolist()
    features = table.select(pl.col("^Image_DeepNoise_.*$")).to_numpy()
    assert sites.embeddings is not None
    np.testing.assert_allclose(features, sites.embeddings, atol=1e-5)
    assert table.width == len(sites.ids) + features.shape[1]


def test_the_record_says_whose_embeddings_these_are(embedded: Path, tiny_run: Path, tiny_screen: Path) -> None:
    record = read_record(embedded)
    manifest = json.loads((tiny_run / "bundle" / "manifest.json").read_text())
    assert record.asked["weights"] == manifest["sha256"]["model.safetensors"]
    assert record.provenance["screen"] == str(tiny_screen)
    assert record.settled is not None
    assert "plate statistics" in record.settled.transductive
    assert {len(shard.sha256) for shard in record.shards} == {64}
    assert [shard.sites for shard in record.shards] == [FEW] * 24


def test_a_killed_command_goes_on_to_the_same_bytes(
    embedded: Path,
    tiny_run: Path,
    tiny_screen: Path,
    start_command: Callable[..., Any],
    wait_until: Callable[..., None],
    deepnoise: Callable[..., Done],
    tmp_path: Path,
) -> None:
    out = tmp_path / "killed"
    started = start_command(*words_of(tiny_run, tiny_screen, out))
    wait_until((out / "shards" / "shard-00001.json").exists, started, every=0.001)
    os.kill(started.pid, signal.SIGKILL)
    started.wait()
    made = {file: file.stat().st_mtime_ns for file in (out / "shards").glob("*.parquet")}
    assert 2 <= len(made) <= 24
    done = deepnoise(*words_of(tiny_run, tiny_screen, out))
    assert done.returncode == 0, done.stderr
    assert contents(out) == contents(embedded)
    assert sum(file.stat().st_mtime_ns == before for file, before in made.items()) >= len(made) - 1


def test_a_complete_folder_is_verified_and_mended(
    embedded: Path, tiny_run: Path, tiny_screen: Path, deepnoise: Callable[..., Done], tmp_path: Path
) -> None:
    out = Path(shutil.copytree(embedded, tmp_path / "copy"))
    damaged = out / "shards" / "shard-00003.parquet"
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"?")
    done = deepnoise(*words_of(tiny_run, tiny_screen, out))
    assert done.returncode == 0, done.stderr
    assert f"{damaged}: is missing or damaged, and made again" in done.stderr
    assert contents(out) == contents(embedded)


def test_a_command_that_is_stopped_says_that_it_goes_on(
    embedded: Path, tiny_run: Path, tiny_screen: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    out, notes, write = tmp_path / "stopped", Notes(), ShardFolder.write

    def until_the_third(folder: ShardFolder, number: int, *arguments: Any) -> Any:
        if number == 2:
            raise KeyboardInterrupt
        return write(folder, number, *arguments)

    embed = partial(dn.embed, tiny_run, tiny_screen, out, device="cpu", shard_sites=FEW, observer=notes)
    with monkeypatch.context() as patch:
        patch.setattr(ShardFolder, "write", until_the_third)
        with pytest.raises(KeyboardInterrupt):
            embed()
    assert notes.told[-1] == f"what was embedded is kept in {out}; the same command goes on from there"
    embed()
    assert contents(out) == contents(embedded)


def test_a_folder_of_other_images_is_refused_without_a_word_of_going_on(
    tiny_run: Path, tiny_screen: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    screen, out, notes = tmp_path / "screen", tmp_path / "begun", Notes()
    shutil.copytree(tiny_screen, screen)
    embed = partial(dn.embed, tiny_run, screen, out, device="cpu", shard_sites=FEW, observer=notes)
    with monkeypatch.context() as patch:
        patch.setattr(ShardFolder, "write", interrupted)
        with pytest.raises(KeyboardInterrupt):
            embed()
    notes.told.clear()
    images = sorted(screen.rglob("*.png"))
    images[0].write_bytes(images[-1].read_bytes())
    with pytest.raises(OtherWorkError, match="the images are not those that it was begun with"):
        embed()
    assert not [told for told in notes.told if "is kept" in told]


def test_another_request_is_refused_with_what_differs(
    embedded: Path, tiny_run: Path, tiny_screen: Path, deepnoise: Callable[..., Done]
) -> None:
    before = contents(embedded)
    done = deepnoise(*words_of(tiny_run, tiny_screen, embedded, "--tta", "flips", "--part", "test"))
    assert done.returncode == 2
    assert "was begun with something else: " in done.stderr
    assert "tta was none and is flips" in done.stderr
    assert "sites was " in done.stderr
    assert "is kept" not in done.stderr
    done = deepnoise(*words_of(Path("builtin:tiny"), tiny_screen, embedded))
    assert done.returncode == 2
    assert "weights was " in done.stderr
    assert contents(embedded) == before


def test_logits_stand_beside_and_any_table_reader_takes_the_folder(
    tiny_run: Path, tiny_screen: Path, tmp_path: Path
) -> None:
    found = dn.embed(tiny_run, tiny_screen, tmp_path / "e", part="test", device="cpu", logits=True).collect()
    sites = load_models([tiny_run], installed()).predict(
        dn.open_screen(tiny_screen), part="test", unit="site", device="cpu"
    )
    logits = found.select(pl.col("^Logit_.*$")).to_numpy()
    np.testing.assert_array_equal(logits, sites.scores)
    assert read_record(tmp_path / "e").provenance["classes"] == list(sites.classes)
    scored = dn.baseline(tmp_path / "e", tiny_screen, tmp_path / "scored", leave_out="plate")
    assert scored.embeddings is not None
    assert len(scored) == len(set(sites.ids["well_id"]))


def test_several_networks_have_no_embeddings(tiny_run: Path, tiny_screen: Path, tmp_path: Path) -> None:
    from deepnoise.embedding import embed_folder

    model, screen = dn.ensemble([tiny_run, tiny_run]), dn.open_screen(tiny_screen)
    with pytest.raises(ModelError, match="an ensemble of 2 has no embeddings"):
        embed_folder(model, screen, tmp_path / "e", observer=Silent())
    with pytest.raises(InputError, match="0 sites a shard: give 1 or more"):
        dn.embed(tiny_run, screen, tmp_path / "e", shard_sites=0)


@pytest.fixture
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    """Predictions are kept in shards of some sites, and batches are as small whichever way they are made."""
    monkeypatch.setattr(prediction, "Keep", partial(Keep, shard_sites=7))
    monkeypatch.setattr(site_outputs, "predict_rows", partial(predict_rows, batch_size=7))
    monkeypatch.setattr(prediction, "draw_plate_maps", lambda predictions, out: None)


class Killed(BaseException):
    """What a kill leaves behind, without the kill."""


@pytest.mark.usefixtures("small_shards")
@pytest.mark.parametrize("models", [1, 2])
def test_predictions_by_way_of_shards_are_those_of_memory_and_go_on(
    models: int, tiny_run: Path, tiny_screen: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    screen = dn.open_screen(tiny_screen)
    model = load_models([tiny_run] * models, installed())
    made = model.predict(screen, device="cpu")
    write_folder(made, tmp_path / "memory", model, screen)
    out, writes = tmp_path / "kept", 0
    write = ShardFolder.write

    def counted(folder: ShardFolder, *arguments: Any) -> Any:
        nonlocal writes
        writes += 1
        if writes in (3, 16):
            raise Killed
        return write(folder, *arguments)

    monkeypatch.setattr(ShardFolder, "write", counted)
    notes = Notes()
    for _ in range(models + 1):
        try:
            predict_folder(model, screen, out, device="cpu", observer=notes)
        except Killed:
            assert not out.exists()
            assert notes.told[-1] == (
                f"what was predicted is kept in {out}.partial; the command that began it goes on from there"
            )
    assert writes == 14 * models + models
    assert contents(out) == contents(tmp_path / "memory")
    assert [file.name for file in tmp_path.iterdir() if "kept" in file.name] == ["kept"]


@pytest.mark.usefixtures("small_shards")
def test_predictions_of_sites_come_by_way_of_shards_too(
    tiny_run: Path, tiny_screen: Path, tmp_path: Path
) -> None:
    screen, model = dn.open_screen(tiny_screen), load_models([tiny_run], installed())
    predict_folder(model, screen, tmp_path / "kept", device="cpu", unit="site", observer=Silent())
    found, _ = read_predictions(tmp_path / "kept")
    expected = model.predict(screen, device="cpu", unit="site")
    np.testing.assert_array_equal(found.scores, expected.scores)
    assert found.ids["part"].dtype == expected.ids["part"].dtype
    assert found.ids["site_id"].tolist() == expected.ids["site_id"].tolist()


@pytest.mark.usefixtures("small_shards")
def test_what_is_kept_of_another_prediction_is_refused(
    tiny_run: Path, tiny_screen: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    screen, model = dn.open_screen(tiny_screen), load_models([tiny_run], installed())

    def killed(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr("deepnoise.prediction.write_folder", killed)
        with pytest.raises(Killed):
            predict_folder(model, screen, tmp_path / "p", device="cpu", observer=Silent())
    notes = Notes()
    with pytest.raises(OtherWorkError, match="was begun with something else: tta was none and is dihedral"):
        predict_folder(model, screen, tmp_path / "p", device="cpu", tta="dihedral", observer=notes)
    assert not [told for told in notes.told if "is kept" in told]
    assert (tmp_path / "p.partial").exists()


def test_what_is_asked_for_is_told_some_sites_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = random_screen(experiments=3)
    wanted = (screen.column("experiment") != "E1") & (np.arange(len(screen)) % 3 > 0)
    kept = screen.sites.filter(pl.col("experiment") != "E1").select(SITE_COLUMNS)
    places = np.flatnonzero(np.arange(len(screen))[screen.column("experiment") != "E1"] % 3)
    for at_once in (5, 10**6):
        monkeypatch.setattr(site_outputs, "AT_ONCE", at_once)
        assert site_outputs.asked_of(screen, wanted) == {
            "screen": hashlib.sha256(kept.write_csv().encode()).hexdigest(),
            "sites": hashlib.sha256(places.astype("<i8").tobytes()).hexdigest(),
        }
