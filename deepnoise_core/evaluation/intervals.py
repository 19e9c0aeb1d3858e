"""Intervals over experiments: how much a figure would vary with other experiments of the same kind."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

LEVEL = 0.95
DRAWS = 10_000

Interval = tuple[float, float]
"""Lower and upper end, at the level `LEVEL`."""


def experiment_interval(
    values: NDArray[Any], experiments: NDArray[Any], *, seed: int = 0, draws: int = DRAWS
) -> Interval | None:
    """Percentile interval of the mean of `values`, by drawing whole experiments with replacement.

    Wells of one experiment share its noise, so that wells are no independent draws; experiments are. The mean of
    a draw is over its wells, as the figure itself is, so that large experiments count more (a cluster bootstrap
    of a ratio; Davison & Hinkley, 1997, section 3.8). With fewer than about ten experiments it is too narrow.

    Args:
        values: one a well, bool or float [N].
        experiments: name of each well's experiment, [N].
        seed: of the draws.
        draws: how many samples of experiments.

    Returns:
        The ends, or None where there are fewer than two experiments, of which nothing can be said.
    """
    names, own = np.unique(experiments.astype(str), return_inverse=True)
    if len(names) < 2:
        return None
    totals, sizes = np.bincount(own, weights=values), np.bincount(own)
    times = drawn_experiments(len(names), draws, np.random.default_rng(seed))
    return ends((times @ totals) / (times @ sizes))


def drawn_experiments(number: int, draws: int, random: np.random.Generator) -> NDArray[np.int64]:
    """How often each of `draws` samples with replacement holds each experiment, int64 [draws, number]."""
    return random.multinomial(number, np.full(number, 1.0 / number), size=draws)


def ends(draws: NDArray[np.float64]) -> Interval:
    """What the central share `LEVEL` of the draws lies between, of those that are numbers; NaN where none is."""
    known = draws[~np.isnan(draws)]
    if not len(known):
        return np.nan, np.nan
    low, high = np.quantile(known, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)
