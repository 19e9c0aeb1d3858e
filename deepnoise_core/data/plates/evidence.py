"""What the wells of a plate say about which group of classes the plate holds."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from deepnoise_core.contracts.errors import AssignmentError

EvidenceKind = Literal["mass", "likelihood"]
"""How much a well counts for a group: its probability there, or the logarithm of that."""

_LEAST = 1e-12
_LEAST_SPREAD = 1e-3
_PRIOR_WELLS = 5


@dataclass(frozen=True)
class PlateEvidence:
    """What the wells of one plate say, beyond what wells that say nothing would.

    Attributes:
        groups: evidence for each group, float64 [G].
        classes: expected number of wells of each class, less that of chance, group after group, [K_g] each.
        wells: how many there are.
    """

    groups: NDArray[np.float64]
    classes: tuple[NDArray[np.float64], ...]
    wells: int


def plate_evidence(
    scores: NDArray[np.floating[Any]],
    groups: Sequence[Collection[int]],
    kind: EvidenceKind = "mass",
) -> PlateEvidence:
    """Evidence of one plate for each group; wells that exclude all classes give none.

    A score that a class has all over the plate, and how far it ranges there, say nothing of single wells: it is
    how plate and network bend it. So wells are standardized, in whatever unit a network is sure of itself, and
    then the classes over the plate, whose spread is moderated towards that of all classes as in limma (Smyth
    2004, doi 10.2202/1544-6115.1027) since few wells measure it badly. The price is a part of what weak scores
    tell, since a class that is on the plate raises its mean and spread too; a single well tells nothing.

    Args:
        scores: logits or log-probabilities of n wells over K classes, [n, K]; -inf excludes a class.
        groups: disjoint sets of class indices.
        kind: `mass` is the expected number of wells in a group, `likelihood` the logarithm of the marginal
            likelihood of the group. They find the right arrangement of RxRx1's layout equally often; a mass is
            bounded, so that no well decides alone.
    """
    if kind not in get_args(EvidenceKind):
        raise AssignmentError(f"evidence must be {' or '.join(get_args(EvidenceKind))}, not {kind!r}")
    excluded = scores == -np.inf
    excluded = excluded if excluded.any() else None
    weights = _weights(scores, excluded)
    total = weights.sum(axis=1)
    each = np.divide(1, total, out=np.zeros_like(total), where=total > 0)
    members = [sorted(group) for group in groups]
    surplus = (each @ weights).astype(np.float64) - _chance(scores.shape, excluded)
    classes = tuple(surplus[own] for own in members)
    if kind == "mass":
        return PlateEvidence(np.array([own.sum() for own in classes]), classes, len(scores))
    shares = np.stack([(each * weights[:, own].sum(axis=1)).astype(np.float64) for own in members], axis=1)
    logs = np.log(np.maximum(shares, _LEAST)) - np.log(np.maximum(_group_chance(scores, members), _LEAST))
    return PlateEvidence(logs.sum(axis=0, where=total[:, None] > 0), classes, len(scores))


def _weights(scores: NDArray[Any], excluded: NDArray[np.bool_] | None) -> NDArray[Any]:
    """What a softmax of the standardized scores has above its fraction line, [n, K]."""
    levels = scores.copy() if excluded is None else np.where(excluded, 0, scores)
    _centre(levels, excluded, axis=1)
    levels /= np.maximum(_root_mean_square(levels, excluded), np.finfo(levels.dtype).tiny)
    _centre(levels, excluded, axis=0)
    levels /= np.maximum(_moderated_spread(levels, excluded), _LEAST_SPREAD)
    levels -= levels.max(axis=1, keepdims=True, initial=-np.inf)
    weights: NDArray[Any] = np.exp(levels, out=levels)
    if excluded is not None:
        weights[excluded] = 0
    return weights


def _chance(shape: tuple[int, ...], excluded: NDArray[np.bool_] | None) -> NDArray[np.float64]:
    """Expected number of wells of each class where wells say nothing of those that they do not exclude, [K]."""
    wells, classes = shape
    if excluded is None:
        return np.full(classes, wells / classes)
    allowed = ~excluded
    found: NDArray[np.float64] = (allowed / np.maximum(allowed.sum(axis=1, keepdims=True), 1)).sum(axis=0)
    return found


def _group_chance(scores: NDArray[Any], members: Sequence[Sequence[int]]) -> NDArray[np.float64]:
    """Share of each group among the classes that a well does not exclude, [n, G]."""
    allowed = scores > -np.inf
    of_group = np.stack([allowed[:, own].sum(axis=1) for own in members], axis=1)
    share: NDArray[np.float64] = of_group / np.maximum(allowed.sum(axis=1, keepdims=True), 1)
    return share


def _centre(levels: NDArray[Any], excluded: NDArray[np.bool_] | None, axis: int) -> None:
    """Take the mean over an axis off, and leave 0 where excluded.

    Over wells in double precision: in single, wells all alike would keep what rounding leaves, and agree in it.
    """
    precision = np.float64 if axis == 0 else levels.dtype
    mean = levels.sum(axis=axis, keepdims=True, dtype=precision) / _count(levels, excluded, axis)
    levels -= mean.astype(levels.dtype)
    if excluded is not None:
        levels[excluded] = 0


def _moderated_spread(levels: NDArray[Any], excluded: NDArray[np.bool_] | None) -> NDArray[Any]:
    """Standard deviation of each class over wells, [1, K], as if some more wells had that of all classes."""
    squares = np.einsum("ij,ij->j", levels, levels)[None]
    wells = _count(levels, excluded, axis=0)
    known = levels.size - (0 if excluded is None else np.count_nonzero(excluded))
    of_all = squares.sum() / max(known, 1)
    spread: NDArray[Any] = np.sqrt((squares + _PRIOR_WELLS * of_all) / (wells + _PRIOR_WELLS))
    return spread.astype(levels.dtype)


def _root_mean_square(levels: NDArray[Any], excluded: NDArray[np.bool_] | None) -> NDArray[Any]:
    """Of each well, [n, 1]."""
    squares = np.einsum("ij,ij->i", levels, levels)[:, None]
    root: NDArray[Any] = np.sqrt(squares / _count(levels, excluded, axis=1))
    return root.astype(levels.dtype)


def _count(levels: NDArray[Any], excluded: NDArray[np.bool_] | None, axis: int) -> Any:
    """How many levels of an axis count, no less than 1."""
    total = levels.shape[axis]
    return max(total, 1) if excluded is None else np.maximum(total - excluded.sum(axis, keepdims=True), 1)
