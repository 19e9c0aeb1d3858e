"""Ramps: weights that rise with training, as pure functions."""

from __future__ import annotations

import math


def sigmoid_ramp(done: float, length: float) -> float:
    """exp(−5 (1 − t)²) with t = min(done / length, 1), after Laine & Aila (arXiv 1610.02242).

    Returns:
        exp(−5) ≈ 0.0067 at 0, and exactly 1 from `length` on; 1 everywhere where the length is 0.
    """
    if length <= 0:
        return 1.0
    rest = 1.0 - min(max(done, 0.0) / length, 1.0)
    return math.exp(-5.0 * rest * rest)


def linear_ramp(done: float, length: float) -> float:
    """min(done / length, 1): 0 at 0, and exactly 1 from `length` on; 1 everywhere where the length is 0."""
    return 1.0 if length <= 0 else min(max(done, 0.0) / length, 1.0)


def first_epoch(share: float, epochs: int) -> int:
    """Epochs that are finished once this share of training is, rounded down: what starts there starts next."""
    # A share such as 90/130 is a little less in binary, and must not lose its epoch.
    return math.floor(share * epochs + 1e-9)
