"""Small screens of random pixels, and single images for examples of readers' layouts."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Literal

import numpy as np
import polars as pl
from PIL import Image

from deepnoise_core.contracts import Role, Screen
from deepnoise_core.data.sites import site_table
from deepnoise_core.data.stores import ArrayStore


def random_screen(
    *,
    experiments: int = 2,
    plates: int = 2,
    wells: int = 4,
    sites: int = 2,
    channels: int = 3,
    side: int = 16,
    dtype: Literal["uint8", "uint16"] = "uint8",
    seed: int = 0,
) -> Screen:
    """A screen whose well i of every plate received perturbation `p{i}`; plate names repeat by experiment.

    Pixels are uniform noise in a range of each plate and channel, so plates differ in mean and spread.
    """
    generator = np.random.default_rng(seed)
    places = list(product(range(experiments), range(plates), range(wells), range(sites)))
    table = pl.DataFrame(
        {
            "experiment": [f"E{experiment}" for experiment, *_ in places],
            "plate": [f"{plate + 1}" for _, plate, _, _ in places],
            "well": [f"B{well + 2:02}" for _, _, well, _ in places],
            "site": [site + 1 for *_, site in places],
            "role": [Role.TREATMENT.value] * len(places),
            "perturbation": [f"p{well}" for _, _, well, _ in places],
        }
    )
    top = np.iinfo(dtype).max
    low = generator.uniform(0.0, 0.3, (experiments * plates, channels)) * top
    span = generator.uniform(0.2, 0.7, (experiments * plates, channels)) * top
    plate = np.arange(len(places)) // (wells * sites)
    noise = generator.random((len(places), channels, side, side))
    pixels = low[plate, :, None, None] + span[plate, :, None, None] * noise
    return Screen(
        sites=site_table(table, "random screen"),
        channels=tuple(f"w{channel + 1}" for channel in range(channels)),
        store=ArrayStore(pixels.astype(dtype)),
        source="random screen",
    )


def write_picture(path: Path, seed: int = 0) -> None:
    """Write random 8-bit grey pixels, 12 × 16, to a new PNG file; folders above it are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (12, 16), np.uint8)).save(path)
