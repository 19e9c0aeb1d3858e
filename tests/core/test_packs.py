"""Packs hold what their screen held, to the pixel, and say so when they no longer do."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
import zarr
from numpy.typing import NDArray

from deepnoise_core.contracts import DroppedSite, ImageStore, Measure, Screen
from deepnoise_core.contracts.errors import ImageError, InputError, OutputError, ScreenError
from deepnoise_core.data.packs import PackOptions, is_pack, open_pack, pack_screen, verify_pack
from deepnoise_core.data.packs.options import Codec
from deepnoise_core.data.statistics import site_statistics
from deepnoise_core.testing.screens import random_screen

ALL = tuple(Measure)
CODECS: tuple[Codec, ...] = ("zstd", "none")
DTYPES = ("uint8", "uint16")


def all_pixels(screen: Screen) -> NDArray[Any]:
    return screen.store.read(np.arange(len(screen)))


def contents(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def refuses_or_gives(truth: NDArray[Any], pack: Path, place: str) -> bool:
    """Whether the pixels are refused with an error that names the place; otherwise they must be the true ones."""
    try:
        found = all_pixels(open_pack(str(pack)))
    except ImageError as error:
        return place in str(error)
    assert np.array_equal(found, truth)
    return False


class Holed:
    """A store some of whose sites cannot be read."""

    def __init__(self, store: ImageStore, holes: set[int], rows: NDArray[np.int64] | None = None) -> None:
        self.store, self.holes = store, holes
        self.shape, self.dtype = store.shape, store.dtype
        self.rows = np.arange(len(store)) if rows is None else rows

    def __len__(self) -> int:
        return len(self.rows)

    def read(self, rows: NDArray[np.int64]) -> NDArray[Any]:
        bad = self.holes & set(self.rows[rows].tolist())
        if bad:
            raise ImageError(f"row{min(bad)}.png: damaged")
        return self.store.read(self.rows[rows])

    def take(self, rows: NDArray[np.int64]) -> "Holed":
        return Holed(self.store, self.holes, self.rows[rows])


def holed(holes: set[int]) -> Screen:
    screen = random_screen()
    return replace(screen, store=Holed(screen.store, holes))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("codec", CODECS)
def test_a_pack_is_its_screen(tmp_path: Path, codec: Codec, dtype: Any) -> None:
    screen = replace(
        random_screen(dtype=dtype),
        stains={"w1": "Hoechst"},
        dropped=(DroppedSite("E9_1_B02_1", "no image"),),
    )
    packed = pack_screen(screen, tmp_path / "pack", PackOptions(codec=codec, shard_sites=5))
    opened = open_pack(str(packed.path))
    assert opened.sites.equals(screen.sites)
    assert (opened.channels, opened.stains, opened.dropped) == (screen.channels, screen.stains, screen.dropped)
    rows = np.array([7, 31, 0, 0, 12])
    assert np.array_equal(opened.store.read(rows), screen.store.read(rows))
    assert opened.store.read(rows).dtype == dtype
    assert np.array_equal(opened.take([4, 2]).store.read(np.array([1])), screen.store.read(np.array([2])))
    assert verify_pack(packed.path)[1] == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["pack"]


@pytest.mark.parametrize("dtype", DTYPES)
def test_statistics_of_a_pack_need_no_pixel(tmp_path: Path, dtype: Any) -> None:
    screen = random_screen(dtype=dtype)
    pack_screen(screen, tmp_path / "pack", PackOptions(shard_sites=5))
    opened = open_pack(str(tmp_path / "pack"))
    shutil.rmtree(tmp_path / "pack" / "images" / "c")
    found, wanted = site_statistics(opened, measures=ALL), site_statistics(screen, measures=ALL)
    for name in ("count", "total", "squares", "experiment", "plate", "cell_type", "role"):
        assert np.array_equal(getattr(found, name), getattr(wanted, name))
    rows = np.array([1, 30, 9, 9])
    for one, other in ((found, wanted), (found.take(rows), wanted.take(rows))):
        assert one.histograms is not None
        assert other.histograms is not None
        assert one.tiles is not None
        assert other.tiles is not None
        some = np.array([0, 3, 2])
        assert np.array_equal(one.histograms.pooled(some), other.histograms.pooled(some))
        for mine, theirs in zip(one.tiles.pooled(some), other.tiles.pooled(some), strict=True):
            assert np.array_equal(mine, theirs)
        assert np.array_equal(one.tiles.pixels, other.tiles.pixels)
        assert (len(one.histograms), len(one.tiles)) == (len(other), len(other))


@pytest.mark.parametrize("codec", CODECS)
def test_zarr_python_opens_a_pack(tmp_path: Path, codec: Codec) -> None:
    screen = random_screen(dtype="uint16")
    pack_screen(screen, tmp_path / "pack", PackOptions(codec=codec, shard_sites=7))
    array = zarr.open_array(tmp_path / "pack" / "images", mode="r")
    assert array.metadata.dimension_names == ("site", "channel", "y", "x")
    assert np.array_equal(array[:], all_pixels(screen))


def test_the_same_screen_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "other"):
        pack_screen(random_screen(), tmp_path / name, PackOptions(shard_sites=5))
    assert contents(tmp_path / "one") == contents(tmp_path / "other")


def test_size_resizes_once(tmp_path: Path) -> None:
    screen = random_screen(side=32)
    packed = pack_screen(screen, tmp_path / "pack", PackOptions(size=16))
    wanted = torch.nn.functional.interpolate(
        torch.from_numpy(all_pixels(screen)).float(), (16, 16), mode="bilinear", antialias=True
    )
    assert packed.manifest.resized == 16
    assert np.array_equal(all_pixels(open_pack(str(packed.path))), wanted.round().numpy().astype(np.uint8))


def test_a_bad_image_stops_the_packing_and_loses_nothing(tmp_path: Path) -> None:
    out, options = tmp_path / "pack", PackOptions(shard_sites=5)
    with pytest.raises(ImageError, match=r"row21\.png"):
        pack_screen(holed({21}), out, options)
    assert not out.exists()
    seen: list[int] = []
    pack_screen(random_screen(), out, options, on_sites=seen.append)
    pack_screen(random_screen(), tmp_path / "whole", options)
    assert seen[0] == 15
    assert sum(seen) == 32
    assert contents(out) == contents(tmp_path / "whole")


@pytest.mark.parametrize("holes", [{0}, {31}, {3, 4, 5, 6, 7, 8, 9, 10, 11}, {30, 31}, set(range(1, 32))])
def test_skipped_sites_are_listed_and_the_rest_is_whole(tmp_path: Path, holes: set[int]) -> None:
    screen = holed(holes)
    packed = pack_screen(screen, tmp_path / "pack", PackOptions(shard_sites=5, bad_images="skip"))
    opened, kept = open_pack(str(packed.path)), sorted(set(range(32)) - holes)
    assert opened.sites.equals(screen.sites[kept])
    assert np.array_equal(all_pixels(opened), screen.store.read(np.array(kept)))
    assert {site.site_id for site in opened.dropped} == set(screen.sites["site_id"][sorted(holes)])
    assert all("damaged" in site.reason for site in opened.dropped)
    assert verify_pack(packed.path)[1] == []
    assert site_statistics(opened).total.shape == (len(kept), 3)


def test_a_screen_without_a_readable_site_is_no_pack(tmp_path: Path) -> None:
    with pytest.raises(ScreenError, match="no site can be read"):
        pack_screen(holed(set(range(32))), tmp_path / "pack", PackOptions(bad_images="skip"))
    assert not (tmp_path / "pack").exists()


def test_a_pack_is_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "pack").mkdir()
    (tmp_path / "pack" / "precious").touch()
    with pytest.raises(OutputError, match="already exists"):
        pack_screen(random_screen(), tmp_path / "pack")


def test_an_unfinished_pack_of_something_else_is_kept(tmp_path: Path) -> None:
    with pytest.raises(ImageError):
        pack_screen(holed({21}), tmp_path / "pack", PackOptions(shard_sites=5))
    before = contents(tmp_path / "pack.partial")
    with pytest.raises(OutputError, match=r"differs in options\)"):
        pack_screen(random_screen(), tmp_path / "pack", PackOptions(shard_sites=6))
    assert contents(tmp_path / "pack.partial") == before


def test_a_folder_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "pack.partial").mkdir()
    (tmp_path / "pack.partial" / "precious").touch()
    with pytest.raises(OutputError, match="not an unfinished pack"):
        pack_screen(random_screen(), tmp_path / "pack")
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot be written"):
        pack_screen(random_screen(), tmp_path / "file" / "pack")


@pytest.mark.parametrize("codec", CODECS)
def test_no_changed_byte_gives_wrong_pixels(tmp_path: Path, codec: Codec) -> None:
    screen = random_screen()
    pack_screen(screen, tmp_path / "pack", PackOptions(codec=codec, shard_sites=8))
    shard, truth = tmp_path / "pack" / "images" / "c" / "1" / "0" / "0" / "0", all_pixels(screen)
    whole = shard.read_bytes()
    generator, refused = np.random.default_rng(0), 0
    for place in generator.integers(0, len(whole), 60):
        changed = bytearray(whole)
        changed[place] ^= 1 << int(generator.integers(8))
        shard.write_bytes(changed)
        refused += refuses_or_gives(truth, tmp_path / "pack", "site E0_2_B")
        assert [fault.file for fault in verify_pack(tmp_path / "pack")[1]] == ["images/c/1/0/0/0"]
    assert refused > 50


def test_verification_names_every_fault(tmp_path: Path) -> None:
    pack = pack_screen(random_screen(), tmp_path / "pack", PackOptions(shard_sites=8)).path
    (pack / "images" / "c" / "0" / "0" / "0" / "0").unlink()
    cut = pack / "statistics" / "00002.safetensors"
    cut.write_bytes(cut.read_bytes()[:-1])
    (pack / "images" / "c" / "9").write_bytes(b"")
    _, faults = verify_pack(pack)
    assert [(fault.file, fault.sites) for fault in faults] == [
        ("images/c/0/0/0/0", (0, 8)),
        ("statistics/00002.safetensors", (16, 24)),
        ("images/c/9", None),
    ]
    assert faults[0].message == "missing"
    assert "were packed" in faults[1].message


@pytest.mark.parametrize("name", ["images/c/0/0/0/0", "sites.parquet", "sums.safetensors", "images/zarr.json"])
def test_a_file_that_is_cut_or_missing_is_named_when_opened(tmp_path: Path, name: str) -> None:
    pack = pack_screen(random_screen(), tmp_path / "pack").path
    file = pack / name
    file.write_bytes(file.read_bytes()[:-3])
    with pytest.raises(ScreenError, match=name):
        open_pack(str(pack))
    file.unlink()
    with pytest.raises(ScreenError, match=f"{name}: not found"):
        open_pack(str(pack))


@pytest.mark.parametrize("name", ["sites.parquet", "sums.safetensors"])
def test_a_changed_table_is_refused(tmp_path: Path, name: str) -> None:
    pack = pack_screen(random_screen(), tmp_path / "pack").path
    content = bytearray((pack / name).read_bytes())
    content[len(content) // 2] ^= 1
    (pack / name).write_bytes(content)
    with pytest.raises(ScreenError, match=f"{name}: not the file that was packed"):
        open_pack(str(pack))


def test_changed_statistics_are_refused_when_they_are_used(tmp_path: Path) -> None:
    pack = pack_screen(random_screen(), tmp_path / "pack").path
    file = pack / "statistics" / "00000.safetensors"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    histograms = site_statistics(open_pack(str(pack)), measures=ALL).histograms
    assert histograms is not None
    with pytest.raises(ScreenError, match=r"00000\.safetensors: not the file that was packed"):
        histograms.pooled(np.arange(3))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"version": "2.0"}, "reads 1.x; upgrade it"),
        ({"version": None}, "version is 'None'"),
        ({"format": "another"}, "not the manifest of a pack"),
        ({"codec": "lz4"}, "codec: "),
        ({"shape": [32, 3, 16]}, "shape"),
        ({"shape": [33, 3, 16, 16]}, "33"),
        ({"shape": [10**30, 3, 16, 16]}, "is not listed"),
        ({"files": {"../../secret": {"bytes": 1, "sha256": ""}}}, "'../../secret' is no file of a pack"),
    ],
)
def test_a_strange_manifest_is_refused(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    pack = pack_screen(random_screen(), tmp_path / "pack").path
    manifest = pack / "manifest.json"
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | change))
    with pytest.raises(InputError, match=message):
        open_pack(str(pack))


def test_a_later_minor_version_opens(tmp_path: Path) -> None:
    pack = pack_screen(random_screen(), tmp_path / "pack").path
    manifest = pack / "manifest.json"
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"version": "1.7", "thumbnails": []}))
    assert len(open_pack(str(pack))) == 32


def test_a_pack_can_be_packed_again(tmp_path: Path) -> None:
    first = pack_screen(random_screen(side=32), tmp_path / "first", PackOptions(codec="none")).path
    second = pack_screen(open_pack(str(first)), tmp_path / "second", PackOptions(size=16)).path
    assert open_pack(str(second)).store.shape == (3, 16, 16)
    statistics = open_pack(str(second)).statistics
    assert statistics is not None
    assert np.array_equal(statistics.total, all_pixels(open_pack(str(second))).sum(axis=(2, 3)))


def test_further_columns_are_kept(tmp_path: Path) -> None:
    screen = random_screen()
    screen = replace(screen, sites=screen.sites.with_columns(dose=pl.lit(0.5)))
    pack_screen(screen, tmp_path / "pack")
    assert open_pack(str(tmp_path / "pack")).sites["dose"].to_list() == [0.5] * 32


def test_only_packs_look_like_packs(tmp_path: Path) -> None:
    assert not is_pack(tmp_path)
    assert not is_pack(tmp_path / "absent")
    (tmp_path / "manifest.json").write_text("{}")
    assert not is_pack(tmp_path)
    assert is_pack(pack_screen(random_screen(), tmp_path / "pack").path)
