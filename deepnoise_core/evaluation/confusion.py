"""Which classes are taken for one another most."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepnoise_core.contracts import Predictions, Stage
from deepnoise_core.contracts.errors import PredictionsError
from deepnoise_core.data.names import natural_key
from deepnoise_core.data.scores import confidence


@dataclass(frozen=True)
class ConfusedPair:
    """Two classes of which wells of one are taken for the other.

    Attributes:
        first: the class whose wells are taken for the other more often; the first in natural order of equals.
        second: the other.
        first_as_second: rows of the predictions that are truly `first` and predicted `second`, the surest first.
        second_as_first: the reverse.
        of_first: rows that are truly `first` and predicted so, the surest first.
        of_second: the same of `second`.
        wells: how many wells are truly `first` and truly `second`, whatever they are predicted.
    """

    first: str
    second: str
    first_as_second: NDArray[np.int64]
    second_as_first: NDArray[np.int64]
    of_first: NDArray[np.int64]
    of_second: NDArray[np.int64]
    wells: tuple[int, int]

    @property
    def count(self) -> int:
        """Wells taken for the other, in both directions."""
        return len(self.first_as_second) + len(self.second_as_first)


def most_confused(
    predictions: Predictions, truth: NDArray[Any], stage: Stage, *, most: int = 6
) -> list[ConfusedPair]:
    """Pairs of classes by the number of wells taken for one another, in both directions, most first.

    Equal pairs come in the natural order of their names; pairs without a confused well do not come.

    Args:
        predictions: N wells.
        truth: name of each well's true class, or None where unknown, [N]; other names than the model's are no
            part of any pair.
        stage: whose labels are looked at.
        most: pairs.

    Raises:
        PredictionsError: the predictions have no such stage.
    """
    if stage not in predictions.stages:
        known = ", ".join(one.value for one in predictions.stages)
        raise PredictionsError(f"the predictions have no stage {stage.value!r}; they have {known}")
    number = {name: place for place, name in enumerate(predictions.classes)}
    true = np.array([number.get(name, -1) for name in truth], dtype=np.int64)
    found = predictions.stages[stage]
    sure = np.lexsort((np.arange(len(true)), -confidence(predictions)))
    wrong = np.flatnonzero((true >= 0) & (found >= 0) & (true != found))
    ends = np.sort(np.stack([true[wrong], found[wrong]], axis=1), axis=1)
    pairs, counts = np.unique(ends, axis=0, return_counts=True)

    def rows(really: int, said: int) -> NDArray[np.int64]:
        own: NDArray[np.int64] = sure[(true[sure] == really) & (found[sure] == said)]
        return own

    def pair(one: int, other: int) -> ConfusedPair:
        names = predictions.classes
        if (-len(rows(one, other)), natural_key(names[one])) > (
            -len(rows(other, one)),
            natural_key(names[other]),
        ):
            one, other = other, one
        kinds = rows(one, other), rows(other, one), rows(one, one), rows(other, other)
        wells = int((true == one).sum()), int((true == other).sum())
        return ConfusedPair(names[one], names[other], *kinds, wells)

    keys = [sorted(natural_key(predictions.classes[end]) for end in ends) for ends in pairs.tolist()]
    order = sorted(range(len(pairs)), key=lambda place: (-counts[place], keys[place]))
    return [pair(*pairs[place].tolist()) for place in order[:most]]
