"""Folders of shards: what is written, what counts as whole, and what is refused."""

import json
from pathlib import Path

import polars as pl
import pytest

from deepnoise_core.contracts.errors import OutputError, PredictionsError
from deepnoise_core.data.shards import (
    RECORD,
    Asked,
    Settled,
    Shard,
    ShardFolder,
    read_record,
    scan_embeddings,
    shard_file,
)

ASKED: Asked = {"model": "a" * 64, "tta": "none", "channels": ["one", "two"], "shard_sites": 3}


def table(number: int, sites: int = 3) -> pl.DataFrame:
    names = [f"{number}-{site}" for site in range(sites)]
    return pl.DataFrame(
        {"Metadata_site_id": names, "Image_DeepNoise_0001": [float(number)] * sites},
        schema_overrides={"Image_DeepNoise_0001": pl.Float32},
    )


def settled(shards: int = 2, images: str = "seen") -> Settled:
    return Settled(images=images, shards=shards, transductive=("plate statistics",), notes=("a note",))


def begun(path: Path) -> tuple[ShardFolder, dict[int, Shard]]:
    folder = ShardFolder(path)
    folder.begin(ASKED, {"screen": "s"})
    return folder, folder.settle(settled())


@pytest.fixture
def complete(tmp_path: Path) -> Path:
    folder, _ = begun(tmp_path / "embeddings")
    folder.close(
        {number: folder.write(number, table(number), {"gone": "cut"} if number else {}) for number in (1, 0)}
    )
    return folder.path


def test_a_folder_is_its_record_and_its_shards(complete: Path) -> None:
    files = sorted(file.relative_to(complete).as_posix() for file in complete.rglob("*") if file.is_file())
    assert files == [RECORD, "shards/shard-00000.parquet", "shards/shard-00001.parquet"]
    record = json.loads((complete / RECORD).read_text())
    assert list(record) == ["format", "version", "complete", "asked", "provenance", "settled", "shards"]
    assert [shard["file"] for shard in record["shards"]] == files[1:]
    assert read_record(complete).dropped == {"gone": "cut"}
    assert scan_embeddings(complete).collect().equals(pl.concat([table(0), table(1)]))
    assert scan_embeddings(complete).collect_schema()["Image_DeepNoise_0001"] == pl.Float32


def test_work_goes_on_with_the_shards_that_are_whole(tmp_path: Path) -> None:
    folder, found = begun(tmp_path / "embeddings")
    assert found == {}
    first = folder.write(0, table(0), {})
    aside = folder.path / "shards" / ".shard-00001.parquet.123"
    aside.write_bytes(b"half")
    with pytest.raises(PredictionsError, match="is not complete; run the same deepnoise embed again"):
        scan_embeddings(folder.path)
    again, found = begun(folder.path)
    assert found == {0: first}
    assert again.is_whole(0, first)
    assert not aside.exists()
    again.close({**found, 1: again.write(1, table(1), {})})
    assert begun(folder.path)[1] == dict(enumerate(read_record(folder.path).shards))


@pytest.mark.parametrize("damage", [b"", b"something else"], ids=["cut", "other bytes"])
def test_damage_is_seen_and_mended(damage: bytes, complete: Path) -> None:
    before = (complete / RECORD).read_bytes()
    file = complete / shard_file(1)
    whole = file.read_bytes()
    file.write_bytes(damage + whole[len(damage) :] if damage else b"")
    folder, found = begun(complete)
    assert [folder.is_whole(number, shard) for number, shard in found.items()] == [True, False]
    folder.reopen({0: found[0]})
    assert begun(complete)[1] == {0: found[0]}
    with pytest.raises(PredictionsError, match="is not complete"):
        scan_embeddings(complete)
    folder.close({0: found[0], 1: folder.write(1, table(1), {"gone": "cut"})})
    assert (complete / RECORD).read_bytes() == before
    assert file.read_bytes() == whole


def test_a_note_that_is_damaged_says_nothing(tmp_path: Path) -> None:
    folder, _ = begun(tmp_path / "embeddings")
    folder.write(0, table(0), {})
    (folder.path / "shards" / "shard-00000.json").write_text("{")
    assert begun(folder.path)[1] == {}


def test_something_else_is_refused_with_what_differs(complete: Path) -> None:
    with pytest.raises(OutputError) as told:
        ShardFolder(complete).begin({**ASKED, "model": "b" * 64, "tta": "flips", "channels": ["one"]}, {})
    assert (
        "model was aaaaaaaaaaaa and is bbbbbbbbbbbb; tta was none and is flips; channels was one, two and is one"
        in str(told.value)
    )
    with pytest.raises(OutputError, match="the images are not those that it was begun with"):
        ShardFolder(complete).settle(settled(images="others"))


def test_folders_of_others_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(OutputError, match="already exists; a folder of embeddings is never overwritten"):
        ShardFolder(tmp_path).begin(ASKED, {})
    assert [file.name for file in tmp_path.iterdir()] == ["mine.txt"]


def test_a_kill_before_the_record_leaves_a_folder_to_begin_in(tmp_path: Path) -> None:
    (tmp_path / f".{RECORD}.123").write_text("{")
    begun(tmp_path)
    assert sorted(file.name for file in tmp_path.iterdir()) == [RECORD, "shards"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "holds no embeddings of sites, since it has no embeddings.json"),
        ("{", "embeddings.json: the file: Invalid JSON"),
        ('{"format": "other"}', "embeddings.json: format: Input should be 'deepnoise-embeddings'"),
    ],
)
def test_other_folders_are_told_apart(content: str | None, said: str, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / RECORD).write_text(content)
    with pytest.raises(PredictionsError, match=said):
        scan_embeddings(tmp_path)


def test_a_missing_shard_is_named(complete: Path) -> None:
    (complete / shard_file(1)).unlink()
    with pytest.raises(PredictionsError, match=r"shard-00001\.parquet: is missing or damaged; run the same"):
        scan_embeddings(complete)
