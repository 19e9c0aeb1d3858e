"""Saves a screen as a folder in the public RxRx1 layout."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from PIL import Image
from pydantic import BaseModel

from deepnoise_core.contracts.errors import ScreenError
from deepnoise_core.contracts.screens import Screen
from deepnoise_core.data.files import fresh_folder, need_space, refuse_taken
from deepnoise_core.data.simulator.options import SimulatorOptions
from deepnoise_core.data.simulator.simulation import SimulatedScreen

METADATA_COLUMNS = {
    "site_id": "site_id",
    "well_id": "well_id",
    "cell_type": "cell_type",
    "dataset": "dataset",
    "experiment": "experiment",
    "plate": "plate",
    "well": "well",
    "site": "site",
    "well_type": "role",
    "sirna": "perturbation",
    "sirna_id": "sirna_id",
}
"""Columns of the public `metadata.csv`, in its order, and the column of a screen that each comes from."""

_BLOCK = 4096
_CHUNK = 64


class Provenance(BaseModel):
    """What `simulator.json` holds: enough to make the same screen again."""

    seed: int
    options: SimulatorOptions


def write_screen(screen: Screen, out: Path, *, progress: Callable[[int, int], None] | None = None) -> None:
    """Writes `metadata.csv`, `images/HUVEC-01/Plate1/B02_s1_w1.png`, …, and `simulator.json`.

    Images are 8-bit greyscale PNG. The folder takes its name when it is complete; after any failure nothing
    of it remains. `simulator.json` is written for a `SimulatedScreen`.

    Args:
        screen: a screen of 8-bit sites whose table has `sirna_id`.
        out: folder to write; must not exist, or be empty.
        progress: called with the sites done and the sites in all.

    Raises:
        OutputError: `out` is taken, cannot be written, or its disk is too small.
        ScreenError: the screen is not 8-bit, or lacks a column of the public metadata.
    """
    _check_screen(screen)
    refuse_taken(out, "a screen")
    need_space(out, _largest_size(screen), "a screen")
    with fresh_folder(out, "a screen") as folder:
        _write_images(screen, folder / "images", progress)
        _metadata(screen).write_csv(folder / "metadata.csv")
        if isinstance(screen, SimulatedScreen):
            provenance = Provenance(seed=screen.seed, options=screen.options)
            (folder / "simulator.json").write_text(provenance.model_dump_json(indent=2) + "\n")


def _check_screen(screen: Screen) -> None:
    if screen.store.dtype != np.uint8:
        raise ScreenError(f"{screen.source}: pixels are {screen.store.dtype}; RxRx1 images are uint8")
    missing = sorted({*METADATA_COLUMNS.values()} - {*screen.sites.columns})
    if missing:
        raise ScreenError(f"{screen.source}: the table lacks {', '.join(missing)}, needed for RxRx1 metadata")


def _largest_size(screen: Screen) -> int:
    """Bytes on disk where no image can be compressed, in whole blocks."""
    channels, height, width = screen.store.shape
    return len(screen) * channels * (height * width // _BLOCK + 2) * _BLOCK


def _metadata(screen: Screen) -> pl.DataFrame:
    return screen.sites.select(pl.col(source).alias(name) for name, source in METADATA_COLUMNS.items())


def _write_images(screen: Screen, folder: Path, progress: Callable[[int, int], None] | None) -> None:
    places = screen.sites.select("experiment", "plate", "well", "site").rows()
    for first in range(0, len(screen), _CHUNK):
        rows = np.arange(first, min(first + _CHUNK, len(screen)))
        for row, pixels in zip(rows.tolist(), screen.store.read(rows), strict=True):
            experiment, plate, well, site = places[row]
            _write_site(pixels, folder / experiment / f"Plate{plate}", f"{well}_s{site}")
            if progress is not None:
                progress(row + 1, len(screen))


def _write_site(pixels: NDArray[Any], folder: Path, name: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for number, plane in enumerate(pixels, start=1):
        Image.fromarray(plane).save(folder / f"{name}_w{number}.png", compress_level=1)
