"""Intervals by drawing whole experiments, since wells of one experiment share its luck.

Experiments are drawn and ends taken as for accuracy (`evaluation.intervals`). Here the draws are kept, since
figures of cell types are averaged, and statistics that are no means are drawn too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from deepnoise_core.evaluation.intervals import drawn_experiments

DRAWS = 1000
"""Bootstrap samples behind an interval."""

SAID = (
    f"95 %, from {DRAWS} bootstrap samples of experiments (of shares of variance: their jackknife); probes are "
    "not trained and neighbours not sought anew"
)

FEWEST = 3
"""Experiments that an interval needs: two would give three different samples."""


@dataclass(frozen=True)
class Sampled:
    """A figure, its bootstrap samples and its null value.

    Attributes:
        value: NaN where it cannot be measured.
        draws: float64 [DRAWS]; NaN where there are fewer experiments than `FEWEST`.
        null: what an embedding without information gets.
    """

    value: float
    draws: NDArray[np.float64]
    null: float


@dataclass(frozen=True)
class Experiments:
    """The experiment of each row, and how often each sample holds it.

    Attributes:
        of_row: int64 [n].
        counts: float64 [DRAWS, E].
        normal: quantiles of the normal distribution in random order, float64 [DRAWS].
    """

    of_row: NDArray[np.int64]
    counts: NDArray[np.float64]
    normal: NDArray[np.float64]

    def mean(
        self, values: NDArray[np.float64], null: float, weights: NDArray[np.float64] | None = None
    ) -> Sampled:
        """The weighted mean of the rows [n] that are not NaN."""
        known = ~np.isnan(values)
        weights = known.astype(np.float64) if weights is None else np.where(known, weights, 0.0)
        size = self.counts.shape[1]
        sums = np.bincount(self.of_row, weights * np.where(known, values, 0.0), minlength=size)
        norms = np.bincount(self.of_row, weights, minlength=size)
        if not known.any():
            return self.unknown()
        return self.sampled(
            float(sums.sum() / norms.sum()), _ratio(self.counts @ sums, self.counts @ norms), null
        )

    def totals(
        self, values: NDArray[np.float64], rows: NDArray[np.int64], group: NDArray[np.int64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The sum of some rows' values by group, and how many they are: of all first, then of each sample.

        Args:
            values: [m].
            rows: which rows they are of, [m].
            group: of each, from 0, [m].

        Returns:
            Two of float64 [1 + DRAWS, G].
        """
        shape = self.counts.shape[1], int(group.max()) + 1
        place = self.of_row[rows] * shape[1] + group
        times = np.vstack([np.ones(shape[0]), self.counts])
        sums, sizes = (
            np.bincount(place, weights, shape[0] * shape[1]).reshape(shape) for weights in (values, None)
        )
        return times @ sums, times @ sizes

    def median(self, values: NDArray[np.float64], null: float) -> Sampled:
        """The median of rows [n]."""
        order = np.argsort(values, kind="stable")
        ranked, owner = values[order], self.of_row[order]
        draws = np.empty(len(self.counts))
        for number, counts in enumerate(self.counts):
            below = np.cumsum(counts[owner])
            draws[number] = ranked[np.searchsorted(below, below[-1] / 2)]
        return self.sampled(float(np.median(values)), draws, null)

    def jackknifed(self, statistic: Callable[[NDArray[np.float64]], float], null: float) -> Sampled:
        """A statistic of the rows' weights [n]; its samples are normal with the spread that the jackknife gives.

        A sample that holds an experiment twice would add to what its wells share.
        """
        value, number = statistic(np.ones(len(self.of_row))), self.counts.shape[1]
        if number < FEWEST:
            return Sampled(value, np.full(len(self.counts), np.nan), null)
        without = np.array([statistic((self.of_row != one).astype(np.float64)) for one in range(number)])
        spread = np.sqrt((number - 1) * without.var())
        return Sampled(value, value + spread * self.normal, null)

    def unknown(self) -> Sampled:
        """A figure that cannot be measured."""
        return Sampled(np.nan, np.full(len(self.counts), np.nan), np.nan)

    def sampled(self, value: float, draws: NDArray[np.float64], null: float) -> Sampled:
        """A figure with its samples, which say nothing of the spread where there are few experiments."""
        few = self.counts.shape[1] < FEWEST
        return Sampled(value, np.full(len(draws), np.nan) if few else draws, null)


def sample_experiments(experiment: NDArray[np.int64], seed: int) -> Experiments:
    """Draw as many experiments as there are, with replacement, `DRAWS` times."""
    number = int(experiment.max()) + 1
    random = np.random.default_rng(seed)
    counts = drawn_experiments(number, DRAWS, random)
    normal = random.permutation(norm.ppf((np.arange(DRAWS) + 0.5) / DRAWS))
    return Experiments(experiment, counts.astype(np.float64), normal)


def _ratio(above: NDArray[np.float64], below: NDArray[np.float64]) -> NDArray[np.float64]:
    ratio: NDArray[np.float64] = np.divide(above, below, out=np.full(len(above), np.nan), where=below > 0)
    return ratio
