"""Work on tables as large as a whole data set, each in a process of its own so that its memory can be told.

Run as `python -m loading.index statistics FOLDER` or `… sites FOLDER`; prints one line of JSON.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import numpy as np
import polars as pl

from deepnoise_core.contracts import Screen, SplitOptions
from deepnoise_core.data.files import sha256_of
from deepnoise_core.data.packs import open_pack
from deepnoise_core.data.packs.array import create_array
from deepnoise_core.data.packs.location import Location
from deepnoise_core.data.packs.manifest import (
    IMAGES,
    MANIFEST,
    SITES,
    SUMS,
    FileRecord,
    Manifest,
    files_of_shard,
)
from deepnoise_core.data.packs.parts import dump_statistics, dump_tiles, load_sums, measure_site
from deepnoise_core.data.sites import site_table
from deepnoise_core.data.splits import split
from deepnoise_core.data.statistics import intensity_table
from deepnoise_core.data.stores import ArrayStore

EXPERIMENTS, PLATES, SHARD = 51, 4, 128
SITES_OF_RXRX1 = 125_510
MANY_SITES = 10_000_000


def write_index(folder: Path) -> None:
    """A pack of the shape of RxRx1 whose image files are holes: only its index can be read."""
    from safetensors.numpy import save

    table = _rxrx1_table()
    shape = (SITES_OF_RXRX1, 6, 512, 512)
    folder.mkdir()
    create_array(Location(str(folder)), shape, "uint8", "none", SHARD)
    generator = np.random.default_rng(0)
    measured = [measure_site(generator.poisson(20, (6, 512, 512)).astype(np.uint8)) for _ in range(4)]
    sites = {size: [measured[row % 4] for row in range(size)] for size in (SHARD, len(table) % SHARD)}
    parts = {size: (b"", dump_statistics(shard), dump_tiles(shard)) for size, shard in sites.items()}
    files, sums = [f"{IMAGES}/zarr.json"], []
    for shard, first in enumerate(range(0, len(table), SHARD)):
        contents = parts[min(SHARD, len(table) - first)]
        for path, content in zip(files_of_shard(shard), contents, strict=True):
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(content)
            files.append(path)
        sums.append(load_sums(contents[1]))
    (folder / SUMS).write_bytes(save({name: np.concatenate([part[name] for part in sums]) for name in sums[0]}))
    table.write_parquet(folder / SITES)
    records = {
        path: FileRecord(bytes=(folder / path).stat().st_size, sha256=sha256_of(folder / path))
        for path in (*files, SITES, SUMS)
    }
    manifest = Manifest(
        origin="index", reader="benchmark", channels=tuple("abcdef"), stains={}, shape=shape, dtype="uint8",
        codec="none", shard_sites=SHARD, resized=None, dropped={}, plan="", files=records,
    )  # fmt: skip
    (folder / MANIFEST).write_text(manifest.to_json())


def write_many_sites(file: Path) -> None:
    """A Parquet table of ten million sites."""
    row = pl.int_range(0, MANY_SITES, eager=True).alias("row").to_frame()
    row.select(
        experiment=pl.format("E{}", pl.col("row") // 30_000),
        plate=pl.format("{}", pl.col("row") // 3072 % 10),
        well=pl.concat_str(
            pl.lit("ABCDEFGHIJKLMNOP").str.slice(pl.col("row") // 8 % 16, 1),
            pl.col("row") // 128 % 24 + 1,
        ),
        site=pl.col("row"),
        role=pl.lit("treatment"),
        cell_type=pl.lit("U2OS"),
        perturbation=pl.format("p{}", pl.col("row") % 5000),
    ).write_parquet(file)


def measure_statistics(folder: Path) -> dict[str, float]:
    """Open a pack and take mean, std, median, MAD and two percentiles of every plate and channel."""
    start = time.perf_counter()
    screen = open_pack(str(folder))
    opened = time.perf_counter() - start
    assert screen.statistics is not None
    table = intensity_table(screen.statistics, screen.channels, "plate")
    seconds = time.perf_counter() - start
    assert table.height == EXPERIMENTS * PLATES * len(screen.channels)
    return {"opening_seconds": opened, "seconds": seconds, "gigabytes": _peak()}


def measure_sites(file: Path) -> dict[str, float]:
    """Open a table of ten million sites as a screen, and split it by experiment."""
    start = time.perf_counter()
    sites = site_table(pl.read_parquet(file), str(file))
    store = ArrayStore(np.broadcast_to(np.uint8(0), (len(sites), 1, 1, 1)))
    screen = Screen(sites, ("a",), store, str(file))
    opened = time.perf_counter() - start
    parts = split(screen, SplitOptions(test=("E1", "E7"), folds=5))
    seconds = time.perf_counter() - start
    assert len(parts.parts) == MANY_SITES
    return {"opening_seconds": opened, "seconds": seconds, "gigabytes": _peak()}


def _rxrx1_table() -> pl.DataFrame:
    row = pl.int_range(0, SITES_OF_RXRX1, eager=True).alias("row").to_frame()
    plate = pl.col("row") * EXPERIMENTS * PLATES // SITES_OF_RXRX1
    table = row.select(
        experiment=pl.format("E{}", plate // PLATES),
        plate=pl.format("{}", plate % PLATES + 1),
        well=pl.format("B{}", pl.col("row") % 22 + 2),
        site=pl.col("row"),
    )
    return site_table(table, "benchmark")


def _peak() -> float:
    """Largest memory of this process so far, in GB; unlike getrusage it does not count a parent's."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1e6


if __name__ == "__main__":
    work = {"statistics": measure_statistics, "sites": measure_sites}[sys.argv[1]]
    print(json.dumps(work(Path(sys.argv[2]))))
