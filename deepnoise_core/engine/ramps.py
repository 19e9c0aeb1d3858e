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
