"""The sites that are loaded: real RxRx1 images where they are, else simulated ones of the same shape."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from deepnoise_core.contracts import Screen
from deepnoise_core.data.packs import PackOptions, pack_screen
from deepnoise_core.data.simulator import PRESETS, simulate
from deepnoise_core.data.simulator.writing import write_screen
from deepnoise_core.data.sites import site_table
from deepnoise_core.data.stores import FileStore

CHANNELS = ("nuclei", "endoplasmic_reticulum", "actin", "nucleoli", "mitochondria", "golgi")
REAL = Path(os.environ.get("DEEPNOISE_SHARED_DATA", Path(__file__).parents[2].parent / "shared" / "data"))
SITES = 256


@dataclass(frozen=True)
class Material:
    """The same sites as files and as packs.

    Attributes:
        images: what they are, for the result.
        files: PNGs of each site and channel, [N, C].
        raw: pack without compression.
        zstd: pack with it.
        png_bytes: size of all PNGs.
        raw_bytes: size of the uncompressed pack's array and table.
        zstd_bytes: that of the compressed one.
    """

    images: str
    files: np.ndarray
    raw: Path
    zstd: Path
    png_bytes: int
    raw_bytes: int
    zstd_bytes: int

    def screen(self, threads: int) -> Screen:
        """The PNGs as a screen whose store decodes on this many threads."""
        return _screen(self.files, threads)


def prepare(folder: Path) -> Material:
    """Copy the sites until there are `SITES` of them, each in files of its own, and pack them."""
    images, originals = _real() if REAL.is_dir() else _simulated(folder)
    files = np.empty((SITES, len(CHANNELS)), dtype=object)
    (folder / "png").mkdir()
    for site in range(SITES):
        for channel, original in enumerate(originals[site % len(originals)]):
            copy = folder / "png" / f"{site:04}_w{channel + 1}.png"
            shutil.copy(original, copy)
            files[site, channel] = str(copy)
    screen = _screen(files, threads=2)
    raw = pack_screen(screen, folder / "raw", PackOptions(codec="none"))
    zstd = pack_screen(screen, folder / "zstd", PackOptions(codec="zstd"))
    return Material(
        images=images,
        files=files,
        raw=raw.path,
        zstd=zstd.path,
        png_bytes=sum(Path(file).stat().st_size for file in files.ravel()),
        raw_bytes=raw.bytes,
        zstd_bytes=zstd.bytes,
    )


def _screen(files: np.ndarray, threads: int) -> Screen:
    table = pl.DataFrame(
        {
            "experiment": [f"E{site % 8}" for site in range(len(files))],
            "plate": ["1"] * len(files),
            "well": [f"B{2 + site // 8:02}" for site in range(len(files))],
            "site": [1] * len(files),
        }
    )
    sites = site_table(table, "benchmark")
    return Screen(sites, CHANNELS, FileStore(Path("/"), files.astype(str), threads=threads), "benchmark")


def _real() -> tuple[str, list[list[Path]]]:
    firsts = sorted((REAL / "rxrx1_images" / "images").rglob("*_s1_w1.png"))
    sites = [[first.with_name(first.name.replace("w1", f"w{n}")) for n in range(1, 7)] for first in firsts]
    return f"{len(sites)} real RxRx1 sites, copied to {SITES}", sites


def _simulated(folder: Path) -> tuple[str, list[list[Path]]]:
    optics = PRESETS["tiny"].image.model_copy(update={"side": 512})
    screen = simulate(PRESETS["tiny"].model_copy(update={"image": optics}), 0).take(range(8))
    write_screen(screen, folder / "simulated")
    firsts = sorted((folder / "simulated").rglob("*_w1.png"))
    sites = [[first.with_name(first.name.replace("w1", f"w{n}")) for n in range(1, 7)] for first in firsts]
    return f"{len(sites)} simulated sites, copied to {SITES}; no real images here", sites
