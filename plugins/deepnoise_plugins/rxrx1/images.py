"""Names of image files."""

from __future__ import annotations

import polars as pl

from deepnoise_core.contracts.errors import ScreenError

CHANNELS = ("nuclei", "endoplasmic_reticulum", "actin", "nucleoli", "mitochondria", "golgi")
"""Structures of w1 to w6.

Stains: Hoechst, concanavalin A, phalloidin, Syto14, MitoTracker, wheat-germ agglutinin.
"""


def image_names(sites: pl.DataFrame, plate_folder: pl.Expr, places: pl.Series) -> pl.DataFrame:
    """File names like `HUVEC-01/Plate1/B02_s1_w1.png`: one row a site, columns `w1` to `w6`.

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
    stem = pl.concat_str(plate_folder, pl.lit("/"), "well", pl.lit("_s"), "site", pl.lit("_w"))
    return sites.select(
        pl.concat_str(stem, pl.lit(f"{number}.png")).alias(f"w{number}") for number in range(1, len(CHANNELS) + 1)
    )
