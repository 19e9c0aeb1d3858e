"""How undecided a model is."""

from dataclasses import replace

import numpy as np
from scipy.special import entr

from deepnoise_core.contracts import NoOptions, PlateDesign, Predictions


class Doubt:
    """Adds a column `entropy`, in bits: 0 for a well of one possible class, 3 where eight are alike."""

    def __init__(self, options: NoOptions) -> None: ...

    def __call__(self, predictions: Predictions, design: PlateDesign) -> Predictions:
        """The same predictions with one more fact about each row; one without a possible class has no doubt."""
        highest = np.nan_to_num(predictions.scores.max(axis=1, keepdims=True), neginf=0.0)
        shares = np.exp(predictions.scores.astype(np.float64) - highest)
        shares /= shares.sum(axis=1, keepdims=True).clip(min=1.0)
        entropy = entr(shares).sum(axis=1) / np.log(2.0)
        return replace(predictions, facts={**predictions.facts, "entropy": entropy})
