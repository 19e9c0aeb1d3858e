"""The rungs: the published ladder of DeepNoise, each a change to the recipe of the rung that it stands on."""

from __future__ import annotations

from dataclasses import dataclass

from deepnoise_core.contracts import TestTimeViews

FOLDS = 3


@dataclass(frozen=True)
class Rung:
    """One step of the ladder.

    Attributes:
        name: what is new, in words.
        sets: all changes to the recipe `ladder`, as `--set` takes them.
        published: the score that the slides give for this step, in percent; None where they give none.
        folds: networks whose logits are averaged, each selected on another fold.
        views: copies of each image over which predictions are averaged.
        beside: whether it is no step of the climb, but another way up, or a check of why a step is flat.
        over: name of the rung that its gain is measured from; the step below it where None.
    """

    name: str
    sets: tuple[str, ...] = ()
    published: float | None = None
    folds: int = 1
    views: TestTimeViews = "none"
    beside: bool = False
    over: str | None = None


def _level(level: str) -> str:
    return f"normalizer.options.level={level}"


_PLATE = (_level("plate"),)
_MARGIN = (*_PLATE, "head=arcface")
# The published decays count epochs of some 1,100 steps; an epoch of the ladder has some 20.
_DECAY = "strategy.options.decay=[[0,0.5],[1,0.9],[10,0.98]]"
_CONSTANT = "train.schedule.name=constant"
_TEACHER = (*_MARGIN, "strategy=mean-teacher", _DECAY)
_PSEUDO = (*_MARGIN, "strategy=mean-teacher-pseudo", _DECAY)

RUNGS = (
    Rung("baseline: one scale for the screen", published=52.8),
    Rung("scale by cell type", (_level("cell_type"),), 50.0),
    Rung("scale by experiment", (_level("experiment"),), 60.0),
    Rung("scale by plate", _PLATE, 70.0),
    Rung(
        "batch norm by plate, one scale for the screen",
        ("train.batches.domain=plate", "inference.batch_norm=plate"),
        70.0,
        beside=True,
        over="baseline: one scale for the screen",
    ),
    Rung("+ ArcFace", _MARGIN, 85.0),
    Rung("+ mean teacher", _TEACHER, 90.0),
    Rung("constant rate, ArcFace", (*_MARGIN, _CONSTANT), beside=True, over="+ ArcFace"),
    Rung("constant rate, mean teacher", (*_TEACHER, _CONSTANT), beside=True, over="constant rate, ArcFace"),
    Rung("+ pseudo-labels", _PSEUDO, 95.0),
    Rung(f"+ {FOLDS} folds, 8 views", _PSEUDO, 99.6, folds=FOLDS, views="dihedral"),
)
"""From nothing to the whole system. Each figure of the slides is rounded, and not all are on one metric."""
