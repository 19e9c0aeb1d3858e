"""How well experiments mix in neighbourhoods, and silhouettes of groups.

kBET: Büttner et al., Nature Methods 2019. LISI: Korsunsky et al., Nature Methods 2019, here without weights.
Scaling: Luecken et al. (scIB), Nature Methods 2022.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2

LEVEL = 0.05
"""Level of kBET's tests."""


def neighbour_counts(nearest: NDArray[np.int64], batch: NDArray[np.int64]) -> NDArray[np.float64]:
    """How many neighbours [n, k] are of each batch, [n, G]."""
    number = int(batch.max()) + 1
    flat = np.arange(len(nearest))[:, None] * number + batch[nearest]
    return np.bincount(flat.ravel(), minlength=len(nearest) * number).reshape(-1, number).astype(np.float64)


def kbet_accepts(counts: NDArray[np.float64], batch: NDArray[np.int64]) -> NDArray[np.float64]:
    """Whether Pearson's χ² test takes each neighbourhood [n, G] for a sample of all wells, 1 or 0 [n]."""
    expected = np.bincount(batch) / len(batch) * counts.sum(axis=1, keepdims=True)
    statistic = (np.square(counts - expected) / expected).sum(axis=1)
    return np.asarray(chi2.sf(statistic, counts.shape[1] - 1) > LEVEL, dtype=np.float64)


def inverse_simpson(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """The effective number of batches in each neighbourhood [n, G], scaled from 0 (one) to 1 (all G), [n]."""
    shares = counts / counts.sum(axis=1, keepdims=True)
    number: NDArray[np.float64] = 1.0 / np.square(shares).sum(axis=1)
    scaled: NDArray[np.float64] = (number - 1.0) / (counts.shape[1] - 1)
    return scaled
