"""Rows of a screen by the names of its sites and wells, without an object for every site."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import polars as pl
from numpy.typing import NDArray

from deepnoise_core.contracts.screens import Screen


def rows_of_sites(screen: Screen, site_ids: Collection[str]) -> dict[str, int]:
    """Site id → row, of those of these sites that the screen has, in its order."""
    known = screen.sites["site_id"]
    rows = known.is_in(pl.Series(list(site_ids), dtype=pl.String).implode()).arg_true()
    return dict(zip(known.gather(rows).to_list(), rows.to_list(), strict=True))


def first_of_wells(screen: Screen, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """The first of these rows of each well, in their order, int64."""
    first: NDArray[np.int64] = rows[screen.sites["well_id"].gather(rows).is_first_distinct().to_numpy()]
    return first
