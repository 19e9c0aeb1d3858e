"""What the ladder comes to: accuracy by stage, and how sure each step of the climb is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from deepnoise_core.evaluation.intervals import experiment_interval


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
    ends = experiment_interval(gains, np.arange(len(gains)))
    if ends is None:
        raise ValueError("a single experiment tells nothing of others")
    return float(gains.mean()), *ends
