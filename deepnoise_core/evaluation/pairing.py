"""Paired differences: what one variant gains over another, where both met the same difficulties."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t

from deepnoise_core.evaluation.intervals import LEVEL, Interval


@dataclass(frozen=True)
class Difference:
    """The mean of paired differences.

    Attributes:
        mean: of one less the other.
        interval: of the mean, by Student's t at the level `LEVEL`; None where there is one pair.
        pairs: how many there are.
    """

    mean: float
    interval: Interval | None
    pairs: int


def paired_difference(after: NDArray[np.float64], before: NDArray[np.float64]) -> Difference:
    """The mean difference of pairs, with the interval of a paired t-test (Student, 1908).

    Pairs count as independent draws. Those that share an experiment or a seed are not quite, so that the interval
    is too narrow where few experiments differ much.

    Args:
        after: one figure a pair, [N] with N ≥ 1.
        before: the figure that it is paired with, [N].
    """
    differences = np.asarray(after, dtype=np.float64) - before
    mean, pairs = float(differences.mean()), len(differences)
    if pairs < 2:
        return Difference(mean, None, pairs)
    half = float(t.ppf((1 + LEVEL) / 2, pairs - 1) * differences.std(ddof=1) / np.sqrt(pairs))
    return Difference(mean, (mean - half, mean + half), pairs)
