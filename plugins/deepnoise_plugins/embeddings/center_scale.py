"""Embeddings in units of the controls' spread around the controls' centre.

Caicedo et al., Data-analysis strategies for image-based cell profiling, Nature Methods 2017.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from deepnoise_core.contracts import PlateDesign, Predictions
from deepnoise_plugins.embeddings.options import CenterScaleOptions
from deepnoise_plugins.embeddings.profiles import NOISE, open_profiles
from deepnoise_plugins.embeddings.references import blocks, used


class CenterScale:
    """Each feature minus the centre of its reference wells, over their spread.

    A feature that has no spread among them has no scale: it is centred alone, and a note counts such features.
    """

    def __init__(self, options: CenterScaleOptions) -> None:
        self.options = options

    def __call__(self, predictions: Predictions, design: PlateDesign) -> Predictions:
        """Replaces the embeddings, of sites or wells.

        Raises:
            PredictionsError: no embeddings, one that is not finite, or too few reference wells.
        """
        if not len(predictions):
            return predictions
        options = self.options
        profiles = open_profiles(predictions, "center-scale")
        found, notes = blocks(
            profiles, options.reference, options.level, options.minimum, wider=options.few == "wider"
        )
        values = np.empty_like(profiles.values)
        flat = np.zeros(values.shape[1], dtype=bool)
        for block in found:
            centre, spread = center_and_spread(profiles.values[block.reference], options.method)
            flat |= spread == 0
            values[block.rows] = (profiles.values[block.rows] - centre) / np.where(spread > 0, spread, 1.0)
        if flat.any():
            notes.append(
                f"{flat.sum()} of {len(flat)} features have no spread among the reference wells of some group, "
                "and are only centred there"
            )
        return profiles.replaced(values, used(options.reference, options.level), notes)


def center_and_spread(
    values: NDArray[np.float64], method: Literal["standard", "robust"]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Centre and spread of each column of [n, F], both float64 [F]; a spread within rounding is zero.

    `standard` is mean and standard deviation (ddof 0). `robust` is the median, and 1.4826 times the median
    distance from it: the standard deviation, where values are normal.
    """
    if method == "standard":
        centre, spread = values.mean(axis=0), values.std(axis=0)
    else:
        centre = np.median(values, axis=0)
        spread = 1.4826 * np.median(np.abs(values - centre), axis=0)
    return centre, np.where(spread > NOISE * np.abs(values).max(axis=0), spread, 0.0)
