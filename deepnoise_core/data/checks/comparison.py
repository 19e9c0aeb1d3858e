"""Sites against the other sites of their plate, one channel at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FEWEST_SITES = 8
"""Sites that a plate must have for one of them to stand out."""

_GAUSSIAN = 1.4826
_SMALLEST_SPREAD = 0.02


@dataclass(frozen=True)
class Comparison:
    """How far values lie from the median of their plate; NaN where they cannot be compared.

    Attributes:
        difference: value minus median, [N, C] or [N].
        score: the same in robust standard deviations of the plate: 1.4826 median absolute deviations.
    """

    difference: NDArray[np.float64]
    score: NDArray[np.float64]

    def of_sites(self) -> Comparison:
        """Each site by the median of its channels [N]: what befalls a site befalls most of them."""
        return Comparison(_median(self.difference), _median(self.score))

    def below(self, difference: float, score: float) -> NDArray[np.bool_]:
        """Which values are lower than their plate by more than both."""
        lower: NDArray[np.bool_] = (self.difference < difference) & (self.score < score)
        return lower


def against_plates(values: NDArray[np.float64], plates: Sequence[NDArray[np.int64]]) -> Comparison:
    """Compare what was measured of each site and channel [N, C], NaN where it was not."""
    difference = np.full(values.shape, np.nan)
    score = np.full(values.shape, np.nan)
    for rows in plates:
        for channel in range(values.shape[1]):
            known = rows[np.isfinite(values[rows, channel])]
            if len(known) < FEWEST_SITES:
                continue
            own = values[known, channel]
            away = own - np.median(own)
            difference[known, channel] = away
            score[known, channel] = away / max(_GAUSSIAN * float(np.median(np.abs(away))), _SMALLEST_SPREAD)
    return Comparison(difference, score)


def _median(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Median of each row over its numbers; NaN for a row without any."""
    middle = np.full(len(values), np.nan)
    some = np.isfinite(values).any(axis=1)
    middle[some] = np.nanmedian(values[some], axis=1)
    return middle
