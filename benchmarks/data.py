"""How fast sites are loaded, against bare decoders, a plain copy, published loaders and other libraries.

Run `make bench-data`, or `python benchmarks/data.py`; prints a table of ratios with what each must reach, and
writes `benchmarks/results/data.json`. Files are in the page cache: a warm disk is compared with a warm disk.
"""

from __future__ import annotations

import io
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import cv2
import imagecodecs
import numpy as np
import pyspng
import torch
from loading.contestants import BATCH, contestants
from loading.index import write_index, write_many_sites
from loading.material import SITES, Material, prepare
from loading.published import DeepNoiseLoader, FirstPlaceLoader
from machine import measured_on
from numpy.typing import NDArray
from PIL import Image

from deepnoise_core.contracts import Kind, Screen
from deepnoise_core.data.batches import read_ahead
from deepnoise_core.data.packs import open_pack
from deepnoise_core.data.statistics import site_statistics
from deepnoise_registry.building import build
from deepnoise_registry.catalogue import Catalogue
from deepnoise_registry.discovery import discover
from deepnoise_registry.recipes.recipe import ComponentReference

RESULT = Path(__file__).parent / "results" / "data.json"
ROUNDS = 5
REPEATS = 5
"""Times that what takes milliseconds is done in each round."""
FEW = 32
DECODERS: dict[str, Callable[[bytes], object]] = {
    "imagecodecs": imagecodecs.png_decode,
    "OpenCV": lambda content: cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED),
    "pyspng": pyspng.load,
    "Pillow": lambda content: np.asarray(Image.open(io.BytesIO(content), formats=("PNG",))),
}
Rows = list[dict[str, object]]


def main() -> None:
    torch.set_num_threads(2)
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        material = prepare(folder)
        print(f"{material.images}; best of {ROUNDS}")
        decoders, seconds = measure(material)
        rows = [*ratios(material, decoders, seconds), *tables(folder)]
        for row in rows:
            print("{what}: {found} (must: {must})".format(**row))
        others = compare(material, folder)
    for other in others:
        print(f"{other['loader']}: {other['sites_per_second']} sites/s, {other['megabytes']} MB")
    result = {
        "images": material.images,
        "rounds": ROUNDS,
        "decoders_ms": {name: round(1e3 * value, 3) for name, value in decoders.items()},
        "milliseconds_a_site": {name: round(1e3 * value, 3) for name, value in seconds.items()},
        "rows": rows,
        "loaders": others,
        **measured_on("numpy", "torch", "imagecodecs", "tensorstore", "zarr"),
    }
    RESULT.write_text(json.dumps(result, indent=2) + "\n")


def measure(material: Material) -> tuple[dict[str, float], dict[str, float]]:
    """Seconds a channel of each bare decoder, and seconds a site of each way to load; best of all rounds."""
    random = np.random.default_rng(0)
    few = random.permutation(SITES)[:FEW]
    contents = [[Path(file).read_bytes() for file in material.files[row]] for row in few]
    planes = [content for site in contents for content in site]
    one, two = (material.screen(threads).store for threads in (1, 2))
    raw, zstd = open_pack(str(material.raw)), open_pack(str(material.zstd))
    in_memory = raw.store.read(np.arange(SITES))
    zstd.store.read(np.arange(SITES))
    normalized = Normalized(raw)
    deepnoise, first_place = DeepNoiseLoader(), FirstPlaceLoader()

    def published(loader: Callable[[list[str], str], object]) -> None:
        for row in few:
            loader(list(material.files[row]), f"E{row % 8}")

    pool, bare = ThreadPoolExecutor(2), DECODERS["imagecodecs"]
    halves = [planes[::2], planes[1::2]]
    decoders = dict.fromkeys(DECODERS, np.inf)
    ways: dict[str, tuple[int, Callable[[NDArray[np.int64]], object]]] = {
        "png, one thread": (FEW, lambda rows: one.read(few)),
        "bare decode, two threads": (FEW, lambda rows: list(pool.map(partial(_decoded, bare), halves))),
        "png, two threads": (FEW, lambda rows: two.read(few)),
        "DeepNoise's steps": (FEW, lambda rows: published(deepnoise)),
        "first place's steps": (FEW, lambda rows: published(first_place)),
        "plain copy": (BATCH, lambda rows: in_memory[rows]),
        "pack, none": (BATCH, lambda rows: raw.store.read(rows)),
        "pack, zstd, two threads": (BATCH, lambda rows: zstd.store.read(rows)),
        "fused float, in memory": (BATCH, lambda rows: normalized.fused()),
        "pack, none, normalized": (BATCH, normalized.from_pack),
    }
    seconds = dict.fromkeys(ways, np.inf)
    for _ in range(ROUNDS):
        for name, decode in DECODERS.items():
            decoders[name] = min(decoders[name], _seconds(partial(_decoded, decode, planes)) / len(planes))
        for name, (size, load) in ways.items():
            for _ in range(REPEATS if size == BATCH else 1):
                rows = random.permutation(SITES)[:BATCH]
                seconds[name] = min(seconds[name], _seconds(partial(load, rows)) / size)
    return decoders, seconds


class Normalized:
    """A batch as floats by the z-score of its plate: the pack's way, and one expression on bytes in memory."""

    def __init__(self, pack: Screen) -> None:
        self.store = pack.store
        self.normalizer = build(Catalogue(discover()), Kind.NORMALIZER, ComponentReference(name="z-score"))
        self.normalizer.fit(site_statistics(pack, measures=self.normalizer.needs))
        self.batch = torch.from_numpy(pack.store.read(np.arange(BATCH)))
        self.scale = 1 / self.batch.float().std(dim=(2, 3), keepdim=True)
        self.shift = -self.batch.float().mean(dim=(2, 3), keepdim=True) * self.scale

    def fused(self) -> torch.Tensor:
        """scale · x + shift in one expression."""
        return torch.addcmul(self.shift, self.batch.float(), self.scale)

    def from_pack(self, rows: NDArray[np.int64]) -> torch.Tensor:
        """Read and normalized by the component."""
        return self.normalizer(torch.from_numpy(self.store.read(rows)), torch.from_numpy(rows))


def ratios(material: Material, decoders: dict[str, float], seconds: dict[str, float]) -> Rows:
    """The rows of the table that are ratios of two times of one run."""
    bare = 6 * min(decoders.values())
    png, steps = seconds["png, one thread"], seconds["DeepNoise's steps"]
    sizes = {"PNG": material.png_bytes, "zstd": material.zstd_bytes, "none": material.raw_bytes}
    return [
        _row("PNG → uint8, one thread / bare decode by the fastest decoder", png / bare, "<= 1.15"),
        _row("DeepNoise's steps / PNG → uint8, one thread", steps / png, ">= 1.7"),
        _row("first place's steps / PNG → uint8, one thread", seconds["first place's steps"] / png, ">= 2.2"),
        _row("PNG, one thread / two threads", png / seconds["png, two threads"], ">= 1.8"),
        _row(
            "bare decode on two threads / PNG → uint8, two threads",
            seconds["bare decode, two threads"] / seconds["png, two threads"],
            "–",
        ),
        _row("plain copy / pack, none, 64 random sites", seconds["plain copy"] / seconds["pack, none"], ">= 0.8"),
        _row("DeepNoise's steps / pack, none", steps / seconds["pack, none"], ">= 80"),
        _row(
            "PNG on two threads / pack, zstd, two threads",
            seconds["png, two threads"] / seconds["pack, zstd, two threads"],
            ">= 6",
        )
        | {"megabytes": {name: round(size / 1e6) for name, size in sizes.items()}},
        _row(
            "pack → normalized floats / one fused expression on data in memory",
            seconds["pack, none, normalized"] / seconds["fused float, in memory"],
            "<= 1.3",
        ),
    ]


def tables(folder: Path) -> Rows:
    """The rows that are about tables; each is measured in processes of its own, the best of all rounds."""
    write_index(folder / "index")
    write_many_sites(folder / "many.parquet")
    statistics = _best("statistics", folder / "index")
    sites = _best("sites", folder / "many.parquet")
    return [
        _row("statistics of 204 plates, 125,510 sites, in s", statistics["seconds"], "<= 2"),
        _row("the same, in GB", statistics["gigabytes"], "<= 1"),
        _row("opening and splitting 10 million sites, in s", sites["seconds"], "<= 10"),
        _row("the same, in GB", sites["gigabytes"], "<= 4"),
    ]


def compare(material: Material, folder: Path) -> Rows:
    """Sites a second of whole passes over all sites, ours first."""
    order = np.random.default_rng(0).permutation(SITES)
    batches = [order[start : start + BATCH] for start in range(0, SITES, BATCH)]
    stores = {
        "deepnoise, pack none": (material.raw_bytes, open_pack(str(material.raw)).store),
        "deepnoise, pack zstd": (material.zstd_bytes, open_pack(str(material.zstd)).store),
        "deepnoise, PNG": (material.png_bytes, material.screen(2).store),
    }
    ways: dict[str, tuple[int, Callable[[], object]]] = {
        name: (size, partial(_drained, partial(read_ahead, store, batches)))
        for name, (size, store) in stores.items()
    }
    for other in contestants(material, folder):
        ways[other.name] = other.bytes, partial(_drained, other.batches)
    best = dict.fromkeys(ways, np.inf)
    for _ in range(ROUNDS):
        for name, (_, load) in ways.items():
            best[name] = min(best[name], _seconds(load))
    return [
        {
            "loader": name,
            "sites_per_second": round(SITES / best[name], 1),
            "megabytes": round(size / 1e6),
        }
        for name, (size, _) in ways.items()
    ]


def _row(what: str, found: float, must: str) -> dict[str, object]:
    return {"what": what, "found": round(found, 2), "must": must}


def _best(work: str, place: Path) -> dict[str, float]:
    """The smallest of each figure that the work prints, in processes of its own."""
    command = [sys.executable, "-m", "loading.index", work, str(place)]
    found = [
        json.loads(subprocess.run(command, cwd=Path(__file__).parent, capture_output=True, check=True).stdout)
        for _ in range(ROUNDS)
    ]
    return {name: min(one[name] for one in found) for name in found[0]}


def _decoded(decode: Callable[[bytes], object], planes: list[bytes]) -> None:
    for content in planes:
        decode(content)


def _drained(batches: Callable[[], Iterator[object]]) -> None:
    for _ in batches():
        pass


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
