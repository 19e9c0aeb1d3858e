"""Flips: what the knowledge of plates turns right, and what it turns wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from deepnoise_core.contracts.predictions import Stage


@dataclass(frozen=True)
class Flips:
    """Labels of one stage against those of the stage before.

    Attributes:
        before: the stage before.
        right_to_wrong: wells that it spoils.
        wrong_to_right: wells that it mends.
        wrong_to_wrong: wells that it names otherwise, wrongly both times.
        changed: share of wells that it names otherwise. NaN without wells.
    """

    before: Stage
    right_to_wrong: int
    wrong_to_right: int
    wrong_to_wrong: int
    changed: float


def flips_by_stage(stages: Mapping[Stage, NDArray[np.int64]], truths: NDArray[np.int64]) -> dict[Stage, Flips]:
    """Flips of each stage but the first.

    Args:
        stages: stage → class index of each well, [N], in the order in which they were made.
        truths: true class index, [N].
    """
    return {stage: _flips(before, stages[before], stages[stage], truths) for before, stage in pairwise(stages)}


def _flips(before: Stage, old: NDArray[np.int64], new: NDArray[np.int64], truths: NDArray[np.int64]) -> Flips:
    changed, was, now = old != new, old == truths, new == truths
    return Flips(
        before=before,
        right_to_wrong=int((was & ~now).sum()),
        wrong_to_right=int((~was & now).sum()),
        wrong_to_wrong=int((changed & ~was & ~now).sum()),
        changed=float(changed.mean()) if len(changed) else float("nan"),
    )
