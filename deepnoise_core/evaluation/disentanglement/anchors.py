"""Embeddings of known content on the wells at hand, so that figures have something to stand beside."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from deepnoise_core.data.randomness import derive_seed
from deepnoise_core.evaluation.disentanglement.factors import Factors
from deepnoise_core.evaluation.disentanglement.figures import Disentanglement
from deepnoise_core.evaluation.disentanglement.measurement import measure

_STRENGTH, _SPREAD = 3.0, 0.2


def anchor_embeddings(factors: Factors, dim: int, seed: int = 0) -> dict[str, NDArray[np.float32]]:
    """Four embeddings, float32 [N, dim] each, by what they hold.

    `random` holds nothing, `pure signal` the perturbation alone, `pure batch` the experiment alone, and
    `constant` is the same for every well.
    """
    rows, random = len(factors), np.random.default_rng(derive_seed(seed, "anchors"))

    def of(names: NDArray[np.str_]) -> NDArray[np.float64]:
        values, code = np.unique(names, return_inverse=True)
        return _STRENGTH * random.normal(size=(len(values), dim))[code] + _SPREAD * random.normal(
            size=(rows, dim)
        )

    made = {
        "random": random.normal(size=(rows, dim)),
        "pure signal": of(factors.perturbation.astype(str)),
        "pure batch": of(factors.experiment.astype(str)),
        "constant": np.ones((rows, dim)),
    }
    return {name: values.astype(np.float32) for name, values in made.items()}


def anchors(factors: Factors, *, dim: int, seed: int = 0) -> dict[str, Disentanglement]:
    """The anchors, measured as any embedding is."""
    return {
        name: measure(values, factors, seed=seed)
        for name, values in anchor_embeddings(factors, dim, seed).items()
    }
