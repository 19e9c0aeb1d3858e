"""The rows of each group, and the places of a similarity matrix where two rows share a group."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Places = tuple[NDArray[np.int64], NDArray[np.int64]]
"""Rows of a block, and columns of all rows."""


class Members:
    """The rows that have each code of a factor.

    Attributes:
        code: of each row, from 0, int64 [n].
        counts: rows of each code, int64 [G].
    """

    def __init__(self, code: NDArray[np.int64]) -> None:
        self.code = code
        self.counts = np.bincount(code)
        self._order = np.argsort(code, kind="stable")
        self._starts = np.concatenate([[0], np.cumsum(self.counts)[:-1]])

    def of(self, group: int) -> NDArray[np.int64]:
        """The rows of a code, ascending."""
        start = self._starts[group]
        return self._order[start : start + self.counts[group]]

    def places(self, rows: NDArray[np.int64]) -> Places:
        """Every pair of one of these rows, by its place among them, and a row of the same code."""
        counts = self.counts[self.code[rows]]
        ends = np.cumsum(counts)
        within = np.arange(ends[-1]) - np.repeat(ends - counts, counts)
        return np.repeat(np.arange(len(rows)), counts), self._order[
            np.repeat(self._starts[self.code[rows]], counts) + within
        ]
