"""Linear maps that give reference rows unit covariance.

Kessy, Lewin and Strimmer, Optimal whitening and decorrelation, The American Statistician 2018 (arXiv 1512.00809).
Sun, Feng and Saenko, Return of frustratingly easy domain adaptation, AAAI 2016 (CORAL, arXiv 1511.05547).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deepnoise_plugins.embeddings.profiles import NOISE


@dataclass(frozen=True)
class Axes:
    """The principal axes of reference rows.

    Attributes:
        centre: mean of the reference, [F].
        scale: what each feature is divided by first, [F].
        variances: along each axis, largest first, ddof 1, [F].
        directions: the axes as rows, orthonormal, [F, F]; each has its largest entry positive.
    """

    centre: NDArray[np.float64]
    scale: NDArray[np.float64]
    variances: NDArray[np.float64]
    directions: NDArray[np.float64]

    @property
    def rank(self) -> int:
        """How many axes the reference varies along, beyond rounding."""
        deviations = np.sqrt(self.variances)
        return int(np.count_nonzero(deviations > NOISE * deviations[0]))

    def shrunk(self, share: float) -> NDArray[np.float64]:
        """The variances with this share of each replaced by their mean, [F]."""
        shrunk: NDArray[np.float64] = (1.0 - share) * self.variances + share * self.variances.mean()
        return shrunk

    def standardized(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Centred and scaled values, [n, F]."""
        return (values - self.centre) / self.scale

    def whitened(self, values: NDArray[np.float64], share: float, *, turn_back: bool) -> NDArray[np.float64]:
        """Values [n, F] along the axes, each over its shrunk deviation; or turned back to the features."""
        matrix = self.directions.T / np.sqrt(self.shrunk(share))
        return self.standardized(values) @ (matrix @ self.directions if turn_back else matrix)


def principal_axes(reference: NDArray[np.float64], scale: NDArray[np.float64] | None = None) -> Axes:
    """The axes of reference rows [n, F] whose features are divided by a scale [F].

    From the singular values of the rows themselves: their squares would lose half of the digits.
    """
    rows, features = reference.shape
    scale = np.ones(features) if scale is None else scale
    centre = reference.mean(axis=0)
    triangle = np.linalg.qr((reference - centre) / scale, mode="r")
    _, singular, directions = np.linalg.svd(triangle, full_matrices=True)
    variances = np.zeros(features)
    variances[: len(singular)] = np.square(singular) / max(rows - 1, 1)
    largest = directions[np.arange(features), np.abs(directions).argmax(axis=1)]
    return Axes(centre, scale, variances, directions * np.sign(largest)[:, None])


def covariance_power(
    values: NDArray[np.float64], reference: NDArray[np.float64], ridge: float, power: float
) -> NDArray[np.float64]:
    """Values [n, F] times (C + ridge · I) to a power, with C the covariance (ddof 1) of reference rows [m, F].

    Costs n · m · F where m < F: off the span of the reference, the matrix is a multiple of the identity.
    """
    centred = reference - reference.mean(axis=0)
    _, singular, directions = np.linalg.svd(centred, full_matrices=False)
    outside = ridge**power
    inside = (np.square(singular) / max(len(reference) - 1, 1) + ridge) ** power
    turned: NDArray[np.float64] = outside * values + (values @ directions.T * (inside - outside)) @ directions
    return turned
