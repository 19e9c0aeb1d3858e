"""Domains: sites that share a plate, an experiment or a cell type, and so share technical noise."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from deepnoise_core.contracts import Screen
from deepnoise_core.contracts.errors import TrainingError
from deepnoise_core.contracts.plan import Domain

_WORDS: dict[Domain, str] = {"plate": "plate", "experiment": "experiment", "cell_type": "cell type"}


def domain_groups(screen: Screen, rows: NDArray[np.int64], domain: Domain) -> NDArray[np.int64]:
    """Number of the domain of each of these rows, int64 [n]; a plate is one of its experiment.

    Raises:
        TrainingError: a domain has a single one of these sites, which batch norm cannot train on; names it.
    """
    columns = ("experiment", "plate") if domain == "plate" else (domain,)
    # Columns are chosen before rows: a table of millions of sites is not copied for two of its columns.
    names = screen.sites.select(pl.concat_str(columns, separator="/").alias("name"))["name"].gather(rows)
    groups: NDArray[np.int64] = names.rank("dense").cast(pl.Int64).to_numpy() - 1
    alone = np.flatnonzero(np.bincount(groups)[groups] == 1)
    if len(alone):
        name, site = names[int(alone[0])], screen.sites["site_id"][int(rows[alone[0]])]
        raise TrainingError(
            f"train.batches.domain: {_WORDS[domain]} {name!r} has a single site to learn from, {site!r}, and a "
            "batch needs two; leave that site out with --exclude, or take a larger domain"
        )
    return groups
