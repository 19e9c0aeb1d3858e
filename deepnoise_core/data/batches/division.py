"""Rows divided in batches, anew each turn: shuffled or drawn by weight, and each batch from one group."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from deepnoise_core.data.batches.steps import Rows
from deepnoise_core.data.randomness import permutation, sample_keys, uniforms


def batches_per_epoch(size: int, batch_size: int) -> int:
    """Number of batches of at most `batch_size`, and at least two, that hold `size` rows."""
    return max(1, min(-(-size // batch_size), size // 2))


class Division:
    """Batches of equal size, give or take one, and of one group each.

    A turn holds every row exactly once, in an order that the seed and the turn decide. With weights it holds
    as many rows as there are, each drawn with replacement from its batch's group, with a probability in
    proportion to its weight.

    No batch is larger than asked, but for three rows in batches of two, and none has a single row unless its
    group has, since batch norm cannot train on a single site. A group smaller than a batch makes a smaller one.

    Args:
        rows: what is divided, int64 [n].
        batch_size: at most this many rows a batch.
        seed: decides every order and draw.
        purpose: tells the random numbers of this division from those of another.
        groups: group of each row, integers [n]; all in one where None.
        weights: how likely each row is drawn, positive float [n]; each comes once a turn where None.
    """

    def __init__(
        self,
        rows: NDArray[np.int64],
        batch_size: int,
        *,
        seed: int,
        purpose: str,
        groups: NDArray[np.int64] | None = None,
        weights: NDArray[np.float64] | None = None,
    ) -> None:
        self.rows, self.seed, self.purpose = rows, seed, purpose
        self._groups = np.zeros(len(rows), dtype=np.int64) if groups is None else groups
        self._by_group = np.argsort(self._groups, kind="stable")
        _, first, sizes = np.unique(self._groups[self._by_group], return_index=True, return_counts=True)
        starts = [
            start + np.cumsum([0, *(len(part) for part in _equal_parts(size, batch_size)[:-1])])
            for start, size in zip(first, sizes, strict=True)
        ]
        self._cuts = np.concatenate(starts)[1:]
        self._draw = None if weights is None else _Draw(weights[self._by_group], first, sizes)
        self._shuffled = len(sizes) > 1

    @property
    def batches(self) -> int:
        """Batches of each turn."""
        return len(self._cuts) + 1

    def turn(self, number: int) -> list[Rows]:
        """The batches of one turn, numbered from 0."""
        positions, turns = self._permuted(number) if self._draw is None else self._drawn(number, self._draw)
        parts = zip(np.split(self.rows[positions], self._cuts), np.split(turns, self._cuts), strict=True)
        batches = [Rows(*part) for part in parts]
        if not self._shuffled:
            return batches
        order = permutation(len(batches), self.seed, number, f"{self.purpose} batches")
        return [batches[place] for place in order]

    def _permuted(self, number: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        order = permutation(len(self.rows), self.seed, number, self.purpose)
        positions = order[np.argsort(self._groups[order], kind="stable")]
        return positions, np.full(len(order), number, dtype=np.int64)

    def _drawn(self, number: int, draw: _Draw) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        slots = np.arange(len(self.rows))
        chance = uniforms(sample_keys(self.seed, number, slots, f"{self.purpose} draws"), 1)[:, 0]
        # A row may be drawn twice in one turn, and its two appearances must not look the same.
        return self._by_group[draw(chance)], number * len(slots) + slots


class _Draw:
    """From uniform numbers, one for each place, to places of the same group by weight."""

    def __init__(self, weights: NDArray[np.float64], first: NDArray[np.int64], sizes: NDArray[np.int64]) -> None:
        self.reached = np.cumsum(weights)
        self.last = np.repeat(first + sizes - 1, sizes)
        total = np.repeat(np.add.reduceat(weights, first), sizes)
        self.low, self.span = self.reached[self.last] - total, total
        self.first = np.repeat(first, sizes)

    def __call__(self, chance: NDArray[np.float64]) -> NDArray[np.int64]:
        reached = np.searchsorted(self.reached, self.low + chance * self.span, side="right")
        drawn: NDArray[np.int64] = np.clip(reached, self.first, self.last)
        return drawn


def _equal_parts(size: int, batch_size: int) -> list[NDArray[np.int64]]:
    return np.array_split(np.arange(size), batches_per_epoch(size, batch_size))
