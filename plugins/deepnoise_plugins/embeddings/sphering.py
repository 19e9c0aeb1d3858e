"""Whitening on the wells that show what is technical.

Ando, McLean and Berndl, Improving phenotypic measurements in high-content imaging screens, 2017
(doi 10.1101/161422): what varies among negative controls is technical, so it gets the same small say in every
direction (typical variation normalization). Then the controls of each batch are given the covariance of all.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from deepnoise_core.contracts import Level, PlateDesign, Predictions
from deepnoise_core.contracts.errors import PredictionsError
from deepnoise_plugins.embeddings.center_scale import center_and_spread
from deepnoise_plugins.embeddings.options import SpheringOptions
from deepnoise_plugins.embeddings.profiles import Profiles, open_profiles
from deepnoise_plugins.embeddings.references import Block, blocks, used
from deepnoise_plugins.embeddings.whitening import Axes, covariance_power, principal_axes


class Sphering:
    """Gives the reference wells unit covariance, and with `align` those of each batch that of all, around zero.

    The number of features stays. Where the reference varies along fewer directions than there are features, the
    others have the variance that shrinkage gives them.
    """

    def __init__(self, options: SpheringOptions) -> None:
        self.options = options

    def __call__(self, predictions: Predictions, design: PlateDesign) -> Predictions:
        """Replaces the embeddings, of sites or wells.

        Raises:
            PredictionsError: no embeddings, one that is not finite, too few reference wells, or without shrinkage
                reference wells that do not vary in every direction.
        """
        if not len(predictions):
            return predictions
        options = self.options
        profiles = open_profiles(predictions, "sphering")
        ((everything,), _) = blocks(profiles, options.reference, "screen", options.minimum)
        level: Level = "screen" if options.align == "none" else options.align
        batches = [] if level == "screen" else blocks(profiles, options.reference, level, options.minimum)[0]
        values, note = self._whitened(profiles, profiles.values[everything.reference])
        values = self._aligned(values, values[everything.reference], batches)
        return profiles.replaced(values, used(options.reference, level), [note])

    def _whitened(self, profiles: Profiles, reference: NDArray[np.float64]) -> tuple[NDArray[np.float64], str]:
        method, features = self.options.method, reference.shape[1]
        axes = principal_axes(reference, _deviations(reference) if method.endswith("_cor") else None)
        share = self._share(axes, reference)
        if axes.rank < features and share * axes.variances.mean() == 0:
            raise PredictionsError(
                f"sphering: without shrinkage, {features} features need at least {features + 1} reference "
                f"{profiles.unit}s that vary in every direction, but the {len(reference)} here vary in "
                f"{axes.rank}; set shrinkage to ledoit_wolf or a share above 0, or take a wider reference"
            )
        note = (
            f"whitened on {len(reference)} reference {profiles.unit}s, which vary in {axes.rank} of {features} "
            f"directions, with a shrinkage of {share:.2g}"
        )
        return axes.whitened(profiles.values, share, turn_back=method.startswith("zca")), note

    def _share(self, axes: Axes, reference: NDArray[np.float64]) -> float:
        if self.options.shrinkage != "ledoit_wolf":
            return self.options.shrinkage
        from sklearn.covariance import ledoit_wolf_shrinkage

        return float(ledoit_wolf_shrinkage(axes.standardized(reference), assume_centered=True))

    def _aligned(
        self, values: NDArray[np.float64], reference: NDArray[np.float64], batches: list[Block]
    ) -> NDArray[np.float64]:
        if not batches:
            return values
        plain = np.empty_like(values)
        for batch in batches:
            own = values[batch.reference]
            plain[batch.rows] = covariance_power(
                values[batch.rows] - own.mean(axis=0), own, self.options.ridge, -0.5
            )
        return covariance_power(plain, reference, self.options.ridge, 0.5)


def _deviations(reference: NDArray[np.float64]) -> NDArray[np.float64]:
    """The standard deviation of each feature; one where it has none."""
    _, spread = center_and_spread(reference, "standard")
    return np.where(spread > 0, spread, 1.0)
