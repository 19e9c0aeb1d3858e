"""Temperature: the one number by which logits are divided so that their softmax is as sure as it should be."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from deepnoise_core.data.scores import log_probabilities

LOWEST, HIGHEST = 0.1, 10.0


def fit_temperature(scores: NDArray[np.floating[Any]], labels: NDArray[np.int64]) -> float:
    """The temperature of the least mean negative log-likelihood (Guo et al., ICML 2017, arXiv 1706.04599).

    It is the same for all wells, so that it changes no label. Fit it on wells that the network did not learn
    from and that are not those to be judged.

    Args:
        scores: logits [N, K], N at least 1.
        labels: true class index, [N]; of a class that its row does not exclude.

    Returns:
        Between `LOWEST` and `HIGHEST`; never of a greater loss than 1, which leaves logits as they are.
    """
    rows = np.arange(len(labels))

    def loss(logarithm: float) -> float:
        return float(-log_probabilities(scores, np.exp(logarithm))[rows, labels].mean())

    # The loss is convex in 1 / temperature, so that it has one valley over the logarithm, too.
    found = minimize_scalar(loss, bounds=(np.log(LOWEST), np.log(HIGHEST)), method="bounded")
    return float(np.exp(found.x)) if found.fun < loss(0.0) else 1.0
