"""Domains: sites that share a plate, an experiment or a cell type, and so share technical noise."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from deepnoise_core.contracts import Screen
from deepnoise_core.contracts.errors import TrainingError
from deepnoise_core.contracts.plan import Domain
from deepnoise_core.data.numbering import numbered

_WORDS: dict[Domain, str] = {"plate": "plate", "experiment": "experiment", "cell_type": "cell type"}


def domain_groups(screen: Screen, rows: NDArray[np.int64], domain: Domain) -> NDArray[np.int32]:
    """Number of the domain of each of these rows, int32 [n]; a plate is one of its experiment.

    Raises:
        TrainingError: a domain has a single one of these sites, which batch norm cannot train on; names it.
    """
    columns = ("experiment", "plate") if domain == "plate" else (domain,)
    names, groups = numbered(screen.sites, pl.concat_str(columns, separator="/"), rows)
    alone = np.flatnonzero(np.bincount(groups) == 1)
    if len(alone):
        place = int(np.flatnonzero(np.isin(groups, alone))[0])
        name, site = names[int(groups[place])], screen.sites["site_id"][int(rows[place])]
        raise TrainingError(
            f"train.batches.domain: {_WORDS[domain]} {name!r} has a single site to learn from, {site!r}, and a "
            "batch needs two; leave that site out with --exclude, or take a larger domain"
        )
    return groups
