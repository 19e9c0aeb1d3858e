"""A pass in shards says what a pass in memory says, bit for bit, in portions of whole wells."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from deepnoise_core.contracts import InferenceOptions, Screen
from deepnoise_core.contracts.errors import ImageError
from deepnoise_core.data import buckets
from deepnoise_core.data.shards import Settled, ShardFolder, read_record
from deepnoise_core.data.stores import ArrayStore
from deepnoise_core.data.tolerance import TolerantStore
from deepnoise_core.engine import shard_writing
from deepnoise_core.engine.domain_norm import DomainNorm, domain_norm
from deepnoise_core.engine.observation import Silent
from deepnoise_core.engine.prediction import SiteOutputs, SitePass, predict_rows
from deepnoise_core.engine.shard_writing import ShardedPass
from deepnoise_core.testing.networks import small_classifier
from deepnoise_core.testing.notes import Notes
from deepnoise_core.testing.pixels import plain_inputs
from deepnoise_core.testing.screens import random_screen

ROWS = np.arange(1, 31)
SETTLED = Settled(images="", shards=0, transductive=(), notes=())


class Faulty(ArrayStore):
    """Cannot read row 5."""

    def read(self, rows: NDArray[np.int64]) -> NDArray[np.uint8]:
        if 5 in rows:
            raise ImageError("row 5 is cut")
        return super().read(rows)


def screen_of(*, mixed: bool = False) -> Screen:
    """32 sites; with `mixed`, the sites of each well lie far apart."""
    screen = random_screen()
    return screen.take(np.arange(32).reshape(-1, 2).T.ravel()) if mixed else screen


def norm_of(screen: Screen) -> DomainNorm | None:
    options = InferenceOptions(batch_norm="plate", batch_norm_minimum=2)
    return domain_norm(options, screen, small_classifier())


def sharded(screen: Screen, folder: Path, *, norm: DomainNorm | None = None, faulty: bool = False) -> ShardedPass:
    network = small_classifier()
    store = TolerantStore(Faulty(screen.store.read(np.arange(32)))) if faulty else screen.store
    one_pass = SitePass(network, plain_inputs(store), ROWS, norm=norm, batch_size=4)
    made = ShardFolder(folder)
    made.begin({"asked": "the same"}, {})
    return ShardedPass(one_pass, screen, made, 8, True, lambda sites: pl.Series(["test"] * sites.height))


def whole(portions: list[SiteOutputs]) -> SiteOutputs:
    rows = np.concatenate([one.rows for one in portions])
    order = np.argsort(rows)
    return SiteOutputs(
        rows[order],
        np.concatenate([one.logits for one in portions])[order],
        np.concatenate([one.embeddings for one in portions])[order],
    )


def settled(one: ShardedPass) -> Settled:
    return SETTLED.model_copy(update={"shards": len(one.shards)})


@pytest.mark.parametrize("by_plate", [False, True])
@pytest.mark.parametrize("mixed", [False, True])
@pytest.mark.parametrize("at_once", [1, 5, 10**6])
def test_shards_hold_the_bits_of_a_pass_in_memory(
    by_plate: bool, mixed: bool, at_once: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (buckets, shard_writing):
        monkeypatch.setattr(module, "AT_ONCE", at_once)
    screen = screen_of(mixed=mixed)
    norm = norm_of(screen) if by_plate else None
    one = sharded(screen, tmp_path / "a", norm=norm)
    shards = one.fill(settled(one), Silent())
    assert sum(shard.sites for shard in shards.values()) == len(ROWS)
    assert max(shard.sites for shard in shards.values()) <= 8
    portions = list(one.whole_wells(shards))
    wells = screen.column("well_id")
    seen = [set(wells[portion.rows]) for portion in portions]
    assert sum(map(len, seen)) == len(set(wells[ROWS])) == len(set().union(*seen))
    assert all((np.diff(portion.rows) > 0).all() for portion in portions)
    expected = predict_rows(one.sites.model, one.sites.inputs, ROWS, norm=norm, batch_size=4)
    found = whole(portions)
    for name in ("rows", "logits", "embeddings"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))


def test_what_is_there_is_not_made_again(tmp_path: Path) -> None:
    first = sharded(screen_of(), tmp_path / "a")
    first.fill(settled(first), Silent())
    before = {file: file.read_bytes() for file in (tmp_path / "a").rglob("*") if file.is_file()}
    damaged = tmp_path / "a" / "shards" / "shard-00002.parquet"
    damaged.write_bytes(b"x" * damaged.stat().st_size)
    times = {file: file.stat().st_mtime_ns for file in before if file.suffix == ".parquet"}
    again, watching = sharded(screen_of(), tmp_path / "a"), Notes()
    again.fill(settled(again), watching)
    assert watching.told == [f"{damaged}: is missing or damaged, and made again"]
    assert {file: file.read_bytes() for file in before} == before
    assert [file for file, time in times.items() if file.stat().st_mtime_ns != time] == [damaged]


@pytest.mark.parametrize("by_plate", [False, True])
def test_sites_that_cannot_be_read_are_missing_and_named(by_plate: bool, tmp_path: Path) -> None:
    screen = screen_of()
    norm = norm_of(screen) if by_plate else None
    one = sharded(screen, tmp_path / "a", norm=norm, faulty=True)
    shards = one.fill(settled(one), Silent())
    site = screen.column("site_id")[5]
    assert read_record(tmp_path / "a").dropped == {site: "row 5 is cut"}
    found = whole(list(one.whole_wells(shards)))
    assert found.rows.tolist() == [row for row in ROWS.tolist() if row != 5]
    (number,) = (number for number, shard in shards.items() if shard.sites < 8 and shard.dropped)
    assert one.rows_dropped(number, shards[number]) == {5: "row 5 is cut"}
    (tmp_path / "a" / shards[0].file).unlink()
    sound = sharded(screen, tmp_path / "a", norm=norm)
    healed = replace(
        sound, sites=replace(sound.sites, inputs=replace(sound.sites.inputs, store=TolerantStore(screen.store)))
    )
    assert healed.fill(settled(healed), Silent()) == shards


def test_the_table_of_a_shard_is_that_of_embeddings_elsewhere(tmp_path: Path) -> None:
    one = sharded(screen_of(), tmp_path / "a")
    one.fill(settled(one), Silent())
    table = pl.read_parquet(tmp_path / "a" / "shards" / "shard-00000.parquet")
    names = ["site_id", "site", "experiment", "plate", "well", "well_id", "cell_type", "role", "part"]
    features = [f"Image_DeepNoise_{number:04}" for number in range(1, one.sites.model.num_features + 1)]
    logits = [f"Logit_{number:04}" for number in range(1, one.sites.model.num_classes + 1)]
    assert table.columns == [*(f"Metadata_{name}" for name in names), *features, *logits]
    assert {table[name].dtype for name in [*features, *logits]} == {pl.Float32}
    assert table["Metadata_site_id"].to_list() == screen_of().column("site_id")[1:9].tolist()
