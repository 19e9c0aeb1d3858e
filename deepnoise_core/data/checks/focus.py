"""Sites out of focus: much less fine structure than the other sites of their plate.

The measure is the logarithm of the variance of fine structures over that of coarser ones. The camera's noise
would pass for fine structure, so its share, told by the finest scale of all, is taken off: white noise has a
quarter of the variance on each scale that it has on the one below. Of the scales above the finest, the first
that is not mostly noise is used.

A site is out of focus where the median of its channels is, and a single image where it is so much more clearly.
Measured on 6,132 simulated sites (preset demo, seeds 0 and 1), of which 65 are out of focus: all 65 are found,
and 3 others, which had lost most of their cells; of single images of other sites, 1 in 36,000. On 32 x 32 pixels
and 10 sites a plate (preset tiny, seeds 0 to 7) 6 of 11 are found, and no other. Of sites with one channel alone,
1 in 1,700 is wrongly accused.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from deepnoise_core.data.checks.comparison import against_plates
from deepnoise_core.data.checks.measures import Measures

_SITE = -0.7, -3.0
_SCORE_OF_ONE_CHANNEL = -1.5
_PLANE = -1.5, -6.0
_FLOOR = 0.02


def blurred(
    measures: Measures, plates: Sequence[NDArray[np.int64]]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which sites are out of focus [N], and which single images of other sites are [N, C].

    Args:
        measures: of N sites.
        plates: rows of each plate.
    """
    compared = against_plates(_sharpness(measures, plates), plates)
    difference, score = _SITE
    # The median of few channels has heavier tails.
    sites = compared.of_sites().below(difference, score + _SCORE_OF_ONE_CHANNEL / measures.bands.shape[1])
    return sites, compared.below(*_PLANE) & ~sites[:, None]


def _sharpness(measures: Measures, plates: Sequence[NDArray[np.int64]]) -> NDArray[np.float64]:
    """Logarithm of fine over coarse structure, [N, C]; NaN where a plane has no texture."""
    bands = measures.bands.astype(np.float64)
    sharpness = np.full(bands.shape[:2], np.nan)
    coarser = np.cumsum(bands[..., ::-1], axis=-1)[..., ::-1]
    scales = range(1, bands.shape[-1] - 1)
    for rows in plates:
        for channel in range(bands.shape[1]):
            known = rows[measures.textured[rows, channel]]
            if not len(known):
                continue
            for scale in scales:
                all_of_it = bands[known, channel, scale]
                signal = all_of_it - bands[known, channel, 0] / 4**scale
                if np.median(signal) > np.median(all_of_it) / 2 or scale == scales[-1]:
                    fine = np.maximum(signal, _FLOOR * all_of_it)
                    sharpness[known, channel] = _log_ratio(fine, coarser[known, channel, scale + 1])
                    break
    return sharpness


def _log_ratio(fine: NDArray[np.float64], coarse: NDArray[np.float64]) -> NDArray[np.float64]:
    there = (fine > 0) & (coarse > 0)
    ratio = np.full(len(fine), np.nan)
    ratio[there] = np.log(fine[there] / coarse[there])
    return ratio
