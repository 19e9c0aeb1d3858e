"""What figures of nearest neighbours get where neighbours are drawn at random."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from deepnoise_core.evaluation.disentanglement.factors import Codes


def drawn_share(codes: Codes, shared: str, apart: Sequence[str], asked: NDArray[np.bool_]) -> float:
    """How often a well drawn for each row asked, of those that differ in all of some factors, shares one with it.

    Args:
        codes: of n rows.
        shared: name of a factor.
        apart: names of the factors that a drawn well differs in.
        asked: rows for which one is drawn; each must have a well to be drawn, [n].

    Returns:
        The mean over the rows; NaN where none is asked.
    """
    if not asked.any():
        return np.nan
    candidates, sharing = np.zeros(len(codes)), np.zeros(len(codes))
    for number in range(len(apart) + 1):
        for names in combinations(apart, number):
            candidates += (-1) ** number * _alike(codes, names)
            sharing += (-1) ** number * _alike(codes, (*names, shared))
    return float((sharing[asked] / candidates[asked]).mean())


def _alike(codes: Codes, names: Sequence[str]) -> NDArray[np.int64]:
    """How many rows have all these codes of each row, itself too, [n]."""
    key = np.zeros(len(codes), dtype=np.int64)
    for name in names:
        code: NDArray[np.int64] = getattr(codes, name)
        key = np.unique(key * (code.max() + 1) + code, return_inverse=True)[1]
    return np.bincount(key)[key]
