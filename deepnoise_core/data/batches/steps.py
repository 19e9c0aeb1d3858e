"""The rows of one step of training."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar, overload

import numpy as np
from numpy.typing import NDArray

Thing = TypeVar("Thing", covariant=True)


@dataclass(frozen=True)
class Made(Sequence[Thing]):
    """Things that are made anew each time they are asked for, since all of an epoch would not fit the memory.

    Attributes:
        places: which of them, in which order.
        make: the thing of a place; always the same.
    """

    places: range
    make: Callable[[int], Thing]

    def __len__(self) -> int:
        return len(self.places)

    @overload
    def __getitem__(self, place: int) -> Thing: ...

    @overload
    def __getitem__(self, place: slice) -> Made[Thing]: ...

    def __getitem__(self, place: int | slice) -> Thing | Made[Thing]:
        if isinstance(place, slice):
            return Made(self.places[place], self.make)
        return self.make(self.places[place])


@dataclass(frozen=True)
class Rows:
    """Sites of one batch.

    Attributes:
        rows: rows of the screen, int64 [B].
        turns: for each, a number that no other appearance of that row has, int64 [B]; the seed and it decide
            what is random about this appearance.
    """

    rows: NDArray[np.int64]
    turns: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.rows)

    def among(self, rows: NDArray[np.int64]) -> Rows:
        """Those whose rows are among these, in their order."""
        kept = np.isin(self.rows, rows)
        return self if kept.all() else Rows(self.rows[kept], self.turns[kept])


@dataclass(frozen=True)
class StepRows:
    """What one step learns from; `unlabelled` is empty where the strategy wants none."""

    labelled: Rows
    unlabelled: Rows


class Steps(Protocol):
    """The rows of every step, as a function of the epoch alone."""

    @property
    def per_epoch(self) -> int:
        """Steps of each epoch, the same for all of them."""
        ...

    def epoch(self, number: int) -> Sequence[StepRows]:
        """The steps of one epoch, numbered from 0."""
        ...


NOTHING = Rows(np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64))
"""The unlabelled rows of a step that has none."""
