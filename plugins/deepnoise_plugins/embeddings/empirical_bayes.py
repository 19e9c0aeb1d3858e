"""Shift and scale of batches, each feature's drawn towards those of all features.

Johnson, Li and Rabinovic, Adjusting batch effects in microarray expression data using empirical Bayes methods,
Biostatistics 2007 (ComBat), with its parametric priors: normal for shifts, inverse gamma for variances.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deepnoise_plugins.embeddings.profiles import NOISE

_SETTLED = 1e-10
"""Change of standardized shifts and variances below which they have settled."""


@dataclass(frozen=True)
class BatchFit:
    """The least-squares fit x = level + covariates + shift of the batch + spread · ε, feature by feature.

    Attributes:
        kept: level and covariates of each row, [N, F].
        shifts: of each batch from the level, [G, F].
        spread: deviation of ε, zero where it is rounding, [F].
        confounded: whether the covariates cannot be told from the batches.
    """

    kept: NDArray[np.float64]
    shifts: NDArray[np.float64]
    spread: NDArray[np.float64]
    confounded: bool


def fit_batches(
    values: NDArray[np.float64],
    batch: NDArray[np.int64],
    covariates: NDArray[np.float64],
    reference: int | None = None,
) -> BatchFit:
    """Fit rows [N, F] of G numbered batches [N], and covariates [N, C] that are no sum of one another.

    The level is that of all rows and the spread pooled over them; both are the reference batch's where there
    is one.
    """
    member = np.eye(batch.max() + 1)[batch]
    counts = member.sum(axis=0)[:, None]
    means, composition = member.T @ values / counts, member.T @ covariates / counts
    # batch effects drop out of what is left of both within batches, so the covariates are fitted there
    inside, rest = covariates - composition[batch], values - means[batch]
    effects, _, rank, _ = np.linalg.lstsq(inside, rest)
    of_batch = means - composition @ effects
    level = member.mean(axis=0) @ of_batch if reference is None else of_batch[reference]
    residuals = rest - inside @ effects
    pooled = slice(None) if reference is None else batch == reference
    spread = np.sqrt(np.square(residuals[pooled]).mean(axis=0))
    return BatchFit(
        kept=level + covariates @ effects,
        shifts=of_batch - level,
        spread=np.where(spread > NOISE * np.abs(values).max(axis=0), spread, 0.0),
        confounded=bool(rank < covariates.shape[1]),
    )


def adjust_batches(
    values: NDArray[np.float64],
    batch: NDArray[np.int64],
    fit: BatchFit,
    *,
    reference: int | None = None,
    mean_only: bool = False,
) -> NDArray[np.float64]:
    """Rows [N, F] without what their batch adds; those of the reference batch as they are.

    A feature without spread only loses its shift. No batch may be without spread in every feature.
    """
    adjusted = values - fit.shifts[batch]
    moved = np.flatnonzero(fit.spread)
    spread = fit.spread[moved]
    for number in range(len(fit.shifts)):
        rows = np.flatnonzero(batch == number)
        if number == reference:
            adjusted[rows] = values[rows]
            continue
        here = np.ix_(rows, moved)
        standard = (values[here] - fit.kept[here]) / spread
        shift, variance = posterior(standard, mean_only=mean_only)
        adjusted[here] = spread * (standard - shift) / np.sqrt(variance) + fit.kept[here]
    return adjusted


def posterior(
    batch: NDArray[np.float64], *, mean_only: bool = False
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Shift γ* and variance δ* of each standardized feature of a batch [n, F], both [F], F > 1.

    The moments of the priors are those of the features' own shifts and variances. With `mean_only` every variance
    is one; the shift still counts all n rows, where sva and neuroCombat count one and leave more of it in place.
    """
    size, own = len(batch), batch.mean(axis=0)
    center, tau = own.mean(), own.var(ddof=1)

    def expected_shift(variance: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray((size * tau * own + variance * center) / (size * tau + variance))

    if mean_only:
        return expected_shift(np.ones_like(own)), np.ones_like(own)
    observed = batch.var(axis=0, ddof=1)
    typical, scatter = observed.mean(), observed.var(ddof=1)

    def expected_variance(shift: NDArray[np.float64]) -> NDArray[np.float64]:
        # (θ + squares / 2) / (n / 2 + λ - 1), times scatter over scatter: alike variances have no finite λ
        squares = np.square(batch - shift).sum(axis=0)
        above = typical * scatter + typical**3 + scatter * squares / 2
        return np.asarray(above / (scatter * (size / 2 + 1) + typical**2))

    shift, variance, change = own, expected_variance(own), np.inf
    while change > _SETTLED:
        last = shift, variance
        shift = expected_shift(variance)
        variance = expected_variance(shift)
        change = max(np.abs(shift - last[0]).max(), np.abs(variance - last[1]).max())
    return shift, variance
