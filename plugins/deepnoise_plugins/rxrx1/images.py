"""Image files of a site: what they are called, and which channels each of them holds."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from deepnoise_core.contracts.errors import ScreenError

STAINS = {
    "nuclei": "Hoechst",
    "endoplasmic_reticulum": "concanavalin A",
    "actin": "phalloidin",
    "nucleoli": "Syto14",
    "mitochondria": "MitoTracker",
    "golgi": "wheat-germ agglutinin",
}
"""Structures of w1 to w6, as the WILDS paper names them (Koh et al., ICML 2021), and what stains them."""


@dataclass(frozen=True)
class ImageFormat:
    """How the images of a release are stored.

    Attributes:
        stains: channel name → stain, in the order of the channels.
        endings: what follows `B02_s1` in the names of a site's files, in the order of the channels.
        pages: page of each channel in its file; None where every file holds one channel.
    """

    stains: Mapping[str, str]
    endings: tuple[str, ...]
    pages: tuple[int, ...] | None = None

    @property
    def channels(self) -> tuple[str, ...]:
        """Names of the channels."""
        return tuple(self.stains)

    def names(self, stems: pl.Series) -> pl.DataFrame:
        """Names of all files of each site, a column an ending."""
        return pl.DataFrame([(stems + ending).alias(ending) for ending in self.endings])

    def planes(self, names: pl.DataFrame) -> tuple[NDArray[np.object_], NDArray[np.int64] | None]:
        """The file of each site and channel, strings [N, C], and its page there, [N, C]."""
        files = names.to_numpy()
        if self.pages is None:
            return files, None
        shape = len(files), len(self.pages)
        return np.broadcast_to(files, shape), np.broadcast_to(self.pages, shape)


SIX_CHANNELS = ImageFormat(STAINS, tuple(f"_w{number}.png" for number in range(1, 7)))
"""The public release and the competition's: a greyscale file a channel."""

RGB = ImageFormat(dict(list(STAINS.items())[:3]), (".png",), (0, 1, 2))
"""WILDS: one RGB file a site, of 256 x 256 pixels.

Its own README says that it holds the first three channels, and the WILDS paper that these are nuclei, endoplasmic
reticulum and actin.
"""


def image_stems(sites: pl.DataFrame, plate_folder: pl.Expr, places: pl.Series) -> pl.Series:
    """What the names of a site's files begin with, like `HUVEC-01/Plate1/B02_s1`.

    Raises:
        ScreenError: an experiment, plate or well would lead a path out of its folder.
    """
    for name in ("experiment", "plate", "well"):
        unsafe = sites[name].str.contains(r"[/\\:\x00]|^\.+$").arg_true()
        if len(unsafe):
            row = int(unsafe[0])
            raise ScreenError(
                f"{places[row]}: {name} {sites[name][row]!r} cannot be part of a file name; "
                "write it without slashes and colons, and not as dots"
            )
    stem = pl.concat_str(plate_folder, pl.lit("/"), "well", pl.lit("_s"), "site")
    return sites.select(stem=stem)["stem"]


def image_format(folders: Iterable[Path]) -> ImageFormat:
    """How the images in these folders of plates are stored, told by the first that holds any.

    Where none does, they would be of six channels.

    Raises:
        ScreenError: one folder holds images of both formats.
    """
    for folder in folders:
        try:
            names = os.listdir(folder)  # noqa: PTH208
        except OSError:
            continue  # whoever looks for the images tells which are absent, and why
        found = [form for pattern, form in _FORMATS.items() if any(re.search(pattern, name) for name in names)]
        if len(found) > 1:
            raise ScreenError(
                f"{folder}: holds both B02_s1_w1.png and B02_s1.png and the like; keep the images of one release"
            )
        if found:
            return found[0]
    return SIX_CHANNELS


_FORMATS = {r"_s\d_w\d\.png$": SIX_CHANNELS, r"_s\d\.png$": RGB}
