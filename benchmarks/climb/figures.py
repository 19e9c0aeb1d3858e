"""What the ladder comes to: accuracy by stage, and how sure each step of the climb is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 10_000
Hits = Mapping[str, NDArray[np.float64]]
"""Well → 1 where it is named rightly, by stage; keys are `raw`, `group`, `assigned`."""


@dataclass(frozen=True)
class Height:
    """How one rung did with one seed.

    Attributes:
        hits: stage → share of right wells of each held-out experiment, [E], by name of the experiment.
        accuracy: stage → share of right wells.
        seconds: time of its trainings.
    """

    hits: Mapping[str, Mapping[str, float]]
    accuracy: Mapping[str, float]
    seconds: float


def step_between(
    lower: Sequence[Height], upper: Sequence[Height], lower_stage: str, upper_stage: str
) -> tuple[float, float, float]:
    """Mean gain from one rung to another, and its 95 % interval: a bootstrap over held-out experiments.

    Experiments of all seeds are drawn anew together, each with both figures, since their wells share noise.
    """
    gains = np.array(
        [
            above.hits[upper_stage][name] - below.hits[lower_stage][name]
            for below, above in zip(lower, upper, strict=True)
            for name in below.hits[lower_stage]
        ]
    )
    drawn = np.random.default_rng(0).integers(len(gains), size=(RESAMPLES, len(gains)))
    low, high = np.quantile(gains[drawn].mean(axis=1), (0.025, 0.975))
    return float(gains.mean()), float(low), float(high)
