"""Batches without end, whatever the epoch: every row of a pool comes once before any comes again."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepnoise_core.data.batches.division import Division
from deepnoise_core.data.batches.steps import Rows
from deepnoise_core.data.buckets import places
from deepnoise_core.data.randomness import shuffled


class Stream:
    """One permutation of the rows after another, cut in batches of one size.

    Args:
        rows: the pool, int64 [n], at least one.
        batch_size: rows a batch.
        seed: decides every order.
    """

    def __init__(self, rows: NDArray[np.int64], batch_size: int, *, seed: int) -> None:
        self.rows, self.batch_size, self.seed = rows, batch_size, seed
        # Steps come one after another, so most batches lie within the pass of the batch before.
        self._order = lru_cache(maxsize=2)(self._permuted)

    def batch(self, step: int) -> Rows:
        """The batch of one step, numbered from 0 over all epochs."""
        positions = np.arange(step * self.batch_size, (step + 1) * self.batch_size)
        turns, own = np.divmod(positions, len(self.rows))
        batch = np.empty(self.batch_size, dtype=np.int64)
        for turn in np.unique(turns):
            batch[turns == turn] = self.rows[self._order(int(turn))[own[turns == turn]]]
        return Rows(batch, turns)

    def _permuted(self, turn: int) -> NDArray[np.signedinteger[Any]]:
        return shuffled(places(len(self.rows)), self.seed, turn, "unlabelled")


class Rounds:
    """The batches of a division, turn after turn."""

    def __init__(self, division: Division) -> None:
        self.division = division
        self._turn = lru_cache(maxsize=2)(division.turn)

    def batch(self, step: int) -> Rows:
        """The batch of one step, numbered from 0 over all epochs."""
        turn, place = divmod(step, self.division.batches)
        return self._turn(turn)[place]
