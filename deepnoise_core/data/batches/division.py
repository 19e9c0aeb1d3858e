"""Rows divided in batches, anew each turn: shuffled or drawn by weight, and each batch from one group."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepnoise_core.data.batches.steps import Made, Rows
from deepnoise_core.data.buckets import in_buckets, places
from deepnoise_core.data.randomness import permutation, sample_keys, shuffled, uniforms


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
        groups: group of each row, integers from 0 on, [n]; all in one where None.
        weights: how likely each row is drawn, positive float [n]; each comes once a turn where None.
    """

    def __init__(
        self,
        rows: NDArray[np.int64],
        batch_size: int,
        *,
        seed: int,
        purpose: str,
        groups: NDArray[np.integer[Any]] | None = None,
        weights: NDArray[np.float64] | None = None,
    ) -> None:
        self.rows, self.seed, self.purpose = rows, seed, purpose
        self._places, self._edges = places(len(rows)), np.array([0, len(rows)])
        if groups is not None:
            self._places, edges = in_buckets(self._places, lambda some: groups[some], int(groups.max()) + 1)
            self._edges = np.unique(edges)
        self._cuts = np.concatenate([_cuts(*pair, batch_size) for pair in pairwise(self._edges)] + [[len(rows)]])
        self._draw = None if weights is None else _Draw(weights[self._places], self._edges)

    @property
    def batches(self) -> int:
        """Batches of each turn."""
        return len(self._cuts) - 1

    def turn(self, number: int) -> Sequence[Rows]:
        """The batches of one turn, numbered from 0."""
        batch = self._permuted(number) if self._draw is None else self._drawn(number, self._draw)
        order = np.arange(self.batches)
        if len(self._edges) > 2:
            order = permutation(self.batches, self.seed, number, f"{self.purpose} batches")
        starts, stops = self._cuts[:-1][order], self._cuts[1:][order]
        return Made(range(self.batches), lambda place: batch(slice(starts[place], stops[place])))

    def _permuted(self, number: int) -> Callable[[slice], Rows]:
        order = np.empty_like(self._places)
        for start, stop in pairwise(self._edges):
            order[start:stop] = shuffled(self._places[start:stop], self.seed, number, self.purpose)

        def batch(place: slice) -> Rows:
            rows = self.rows[order[place]]
            return Rows(rows, np.full(len(rows), number, dtype=np.int64))

        return batch

    def _drawn(self, number: int, draw: _Draw) -> Callable[[slice], Rows]:
        def batch(place: slice) -> Rows:
            slots = np.arange(place.start, place.stop)
            chance = uniforms(sample_keys(self.seed, number, slots, f"{self.purpose} draws"), 1)[:, 0]
            # A row may be drawn twice in one turn, and its two appearances must not look the same.
            return Rows(self.rows[self._places[draw(slots, chance)]], number * len(self.rows) + slots)

        return batch


class _Draw:
    """From uniform numbers, one for each of some places, to places of the same group by weight."""

    def __init__(self, weights: NDArray[np.float64], edges: NDArray[np.int64]) -> None:
        self.reached, self.edges = np.cumsum(weights), edges
        self.span = np.add.reduceat(weights, edges[:-1])
        self.low = self.reached[edges[1:] - 1] - self.span

    def __call__(self, slots: NDArray[np.int64], chance: NDArray[np.float64]) -> NDArray[np.int64]:
        group = np.searchsorted(self.edges, slots, side="right") - 1
        reached = np.searchsorted(self.reached, self.low[group] + chance * self.span[group], side="right")
        drawn: NDArray[np.int64] = np.clip(reached, self.edges[group], self.edges[group + 1] - 1)
        return drawn


def _cuts(start: int, stop: int, batch_size: int) -> NDArray[np.int64]:
    """Where the batches of a group begin: the first ones have a row more than the others, where any have."""
    count = batches_per_epoch(stop - start, batch_size)
    size, more = divmod(stop - start, count)
    number = np.arange(count)
    return start + number * size + np.minimum(number, more)
