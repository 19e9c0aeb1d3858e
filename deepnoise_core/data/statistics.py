"""Per-site moments of a screen, read once."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from deepnoise_core.contracts import Screen, SiteStatistics
from deepnoise_core.data.batches import read_ahead


def site_statistics(
    screen: Screen, *, batch_size: int = 64, on_batch: Callable[[int], None] | None = None
) -> SiteStatistics:
    """Moments of every site and channel, in float64; every pixel of the screen is read once.

    Args:
        screen: N sites.
        batch_size: sites read at a time; changes no number.
        on_batch: called with the number of sites of each finished batch.
    """
    channels, height, width = screen.store.shape
    mean = np.empty((len(screen), channels))
    m2 = np.empty((len(screen), channels))
    rows = np.arange(len(screen))
    chunks = [rows[start : start + batch_size] for start in range(0, len(rows), batch_size)]
    for chunk, pixels in read_ahead(screen.store, chunks):
        for row, site in zip(chunk, pixels, strict=True):
            flat = site.reshape(channels, -1).astype(np.float64)
            mean[row] = flat.mean(axis=1)
            m2[row] = np.square(flat - mean[row][:, None]).sum(axis=1)
        if on_batch:
            on_batch(len(chunk))
    return SiteStatistics(
        count=np.full(len(screen), height * width, dtype=np.int64),
        mean=mean,
        m2=m2,
        experiment=screen.column("experiment").astype(str),
        plate=screen.column("plate").astype(str),
        role=screen.column("role").astype(str),
    )
