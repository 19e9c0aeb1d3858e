"""Batches as rows: which sites each step learns from, and their pixels read ahead.

All of it is a function of the seed and the step alone, so that a training can start at any step.
"""

from deepnoise_core.data.batches.division import Division, batches_per_epoch
from deepnoise_core.data.batches.mixture import MixedSteps
from deepnoise_core.data.batches.planning import plan_steps
from deepnoise_core.data.batches.ratio import RatioSteps
from deepnoise_core.data.batches.reading import read_ahead
from deepnoise_core.data.batches.shares import share_of, shares_of
from deepnoise_core.data.batches.steps import Made, Rows, StepRows, Steps
from deepnoise_core.data.batches.stream import Rounds, Stream

__all__ = [
    "Division",
    "Made",
    "MixedSteps",
    "RatioSteps",
    "Rounds",
    "Rows",
    "StepRows",
    "Steps",
    "Stream",
    "batches_per_epoch",
    "plan_steps",
    "read_ahead",
    "share_of",
    "shares_of",
]
