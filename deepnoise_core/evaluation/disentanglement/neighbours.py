"""Similarities of all wells, block by block: nearest neighbours, retrieval of replicates, neighbourhoods.

Similarity is the cosine, computed in float64 and compared in float32: embeddings tell no more digits, and what
they cannot tell apart is a tie instead of a matter of rounding or of the order of rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deepnoise_core.evaluation.disentanglement.factors import Codes
from deepnoise_core.evaluation.disentanglement.members import Members, Places
from deepnoise_core.evaluation.disentanglement.retrieval import Retrieval, retrieve

NEIGHBOURS = 30
"""Most wells of a neighbourhood, which is a tenth of all where that is less, though five at least."""

_CELLS = 4_000_000
"""Similarities of a block, so that memory does not grow with the square of the wells."""


@dataclass(frozen=True)
class Neighbourhood:
    """What similarities of n rows tell; each [n], a share of the equally near ones where there are several.

    What is asked of replicates is NaN where a row has none of that kind.

    Attributes:
        any: whether the nearest other well has the same perturbation.
        other_experiment: the same, of another experiment.
        other_position: the same, of another experiment and another position.
        experiment: whether the nearest well of another perturbation is of the same experiment.
        plate: the same, plate.
        position: the same, position on any plate.
        retrieval: average precision of the replicates in other experiments.
        nearest: the most similar rows of other wells, in no order, int64 [n, k].
    """

    any: NDArray[np.float64]
    other_experiment: NDArray[np.float64]
    other_position: NDArray[np.float64]
    experiment: NDArray[np.float64]
    plate: NDArray[np.float64]
    position: NDArray[np.float64]
    retrieval: Retrieval
    nearest: NDArray[np.int64]


def neighbourhood(values: NDArray[np.float64], codes: Codes, seed: int) -> Neighbourhood:
    """Compare embeddings [n, F] of one cell type with one another.

    Columns are compared in a random order, since of ties at the border of a neighbourhood any are taken.
    """
    unit = unit_rows(values)
    shuffled = np.random.default_rng(seed).permutation(len(values))
    back = np.argsort(shuffled)
    columns = np.ascontiguousarray(unit[shuffled].T)
    members = {name: Members(code[shuffled]) for name, code in vars(codes).items()}
    same = members["perturbation"]
    size = min(NEIGHBOURS, max(5, len(values) // 10), len(values) - int(members["site"].counts.max()))
    shares = {name: np.empty(len(values)) for name in Neighbourhood.__annotations__ if name not in _APART}
    nearest = np.empty((len(values), size), dtype=np.int64)
    retrieved = []
    for rows in blocks(len(values)):
        found = back[rows]
        similar = (unit[rows] @ columns).astype(np.float32)
        similar[members["site"].places(found)] = -np.inf
        nearest[rows] = shuffled[np.argpartition(similar, -size, axis=1)[:, -size:]]
        own = same.places(found)
        replicates = _apart(own, found, members["experiment"].code)
        shares["any"][rows] = _asked(_shares(similar, same.code, found), _apart(own, found, members["site"].code))
        kept = similar[replicates]
        similar[own] = -np.inf
        for factor in ("experiment", "plate", "position"):
            shares[factor][rows] = _shares(similar, members[factor].code, found)
        retrieved.append(retrieve(np.sort(similar, axis=1), replicates[0], kept))
        similar[replicates] = kept
        similar[members["experiment"].places(found)] = -np.inf
        shares["other_experiment"][rows] = _asked(_shares(similar, same.code, found), replicates)
        similar[members["position"].places(found)] = -np.inf
        farther = _apart(replicates, found, members["position"].code)
        shares["other_position"][rows] = _asked(_shares(similar, same.code, found), farther)
    return Neighbourhood(**shares, retrieval=Retrieval.joined(retrieved), nearest=nearest)


_APART = ("retrieval", "nearest")


def blocks(rows: int) -> Iterator[NDArray[np.int64]]:
    """Consecutive rows, so many that their similarities to all rows fit a block."""
    step = max(1, _CELLS // rows)
    return (np.arange(start, min(start + step, rows)) for start in range(0, rows, step))


def unit_rows(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rows [n, F] at length one; a row of zeros stays, and is similar to nothing."""
    length = np.linalg.norm(values, axis=1, keepdims=True)
    unit: NDArray[np.float64] = np.divide(values, length, out=np.zeros_like(values), where=length > 0)
    return unit


def _apart(places: Places, found: NDArray[np.int64], code: NDArray[np.int64]) -> Places:
    """The pairs of different codes."""
    rows, columns = places
    kept = code[found[rows]] != code[columns]
    return rows[kept], columns[kept]


def _asked(shares: NDArray[np.float64], replicates: Places) -> NDArray[np.float64]:
    """The shares of rows that have a replicate to be found; NaN of others."""
    return np.where(np.bincount(replicates[0], minlength=len(shares)) > 0, shares, np.nan)


def _shares(
    similar: NDArray[np.float32], code: NDArray[np.int64], rows: NDArray[np.int64]
) -> NDArray[np.float64]:
    """The share of each row's most similar columns that have its code; NaN where no column is left."""
    own = code[rows]
    found = similar.argmax(axis=1)
    best = similar[np.arange(len(similar)), found]
    shares: NDArray[np.float64] = np.asarray(code[found] == own, dtype=np.float64)
    tied = np.count_nonzero(similar == best[:, None], axis=1) > 1
    for row in np.flatnonzero(tied):
        shares[row] = np.mean(code[similar[row] == best[row]] == own[row])
    shares[best == -np.inf] = np.nan
    return shares
