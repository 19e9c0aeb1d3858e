"""How probable each class is for each well of a plate, given that classes come no more often than they may."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import expit, logsumexp

from deepnoise_core.data.scores import log_probabilities

_CERTAIN = 1e6
"""Log-odds of what has no alternative: finite, so that no infinity meets another."""


def propagate_beliefs(
    gains: NDArray[np.float64],
    places: NDArray[np.int64],
    potentials: NDArray[np.float64],
    tolerance: float,
    iterations: int,
) -> tuple[NDArray[np.float64], float]:
    """Log-probability of each class for each well, and of none at all, by belief propagation.

    Each way to fill the plate has the product of its wells' exp(gains) as its weight, and the probability of a
    class for a well is the share of the ways that have it. Messages between wells and classes come near to that:
    their fixed point is the maximum of sum(P · gains) + Bethe entropy of P (Huang & Jebara 2009, arXiv
    0908.1769; Vontobel 2013, arXiv 1107.4196).

    Args:
        gains: [n, K + 1], the last column for no class; -inf where forbidden. Every class is allowed to a well,
            and something to every well.
        places: of each class, at least 1, [K].
        potentials: what each class is lowered by at first, [K]; near the goal they keep the messages of cold
            gains from turning in circles.
        tolerance: largest change of a probability, or excess of a class over its places, that ends the search.
        iterations: most rounds of messages.

    Returns:
        The log-probabilities [n, K + 1], and the larger of change and excess in the last round.
    """
    must = bool((gains[:, -1] == -np.inf).all())
    copies = np.log(places)
    crowding = np.tile(potentials, (len(gains), 1))
    plan, unsettled = _plan(gains, crowding, copies), np.inf
    for _ in range(iterations):
        wish = _wishes(plan, copies) - crowding
        rivals = _all_but_own(wish, axis=0)
        slack = _slack(logsumexp(wish, axis=0), places, len(gains)) if must else 0.0
        crowding = -np.logaddexp(slack, rivals)
        before, plan = plan, _plan(gains, crowding, copies)
        probability = np.exp(plan)
        excess = (probability[:, :-1].sum(axis=0) - places).max()
        unsettled = max(float(excess), float(np.abs(probability - np.exp(before)).max()))
        if unsettled <= tolerance:
            break
    return plan, unsettled


def _plan(
    gains: NDArray[np.float64], crowding: NDArray[np.float64], copies: NDArray[np.float64]
) -> NDArray[np.float64]:
    lowered = gains.copy()
    lowered[:, :-1] += crowding + copies
    return log_probabilities(lowered)


def _wishes(plan: NDArray[np.float64], copies: NDArray[np.float64]) -> NDArray[np.float64]:
    """Log-odds of each well for one place of each class, against all other places, [n, K]."""
    others = _all_but_own(plan, axis=1)[:, :-1]
    own = plan[:, :-1] - copies
    with np.errstate(divide="ignore"):
        others = np.logaddexp(others, own + np.log(np.expm1(copies)))
    return np.minimum(own - others, _CERTAIN)


def _slack(demand: NDArray[np.float64], places: NDArray[np.int64], wells: int) -> float:
    """Log-weight of a place that stays empty, such that as many are taken as there are wells."""
    if places.sum() == wells:
        return -np.inf

    def missing(slack: float) -> float:
        return float(places @ expit(demand - slack)) - wells

    return float(brentq(missing, demand.min() - 50, demand.max() + 50))


def _all_but_own(logs: NDArray[np.float64], axis: int) -> NDArray[np.float64]:
    """Log of the sum of exp(logs) along an axis without each element itself; no large ones are subtracted."""
    top = np.expand_dims(logs.argmax(axis=axis), axis)
    without = logs.copy()
    np.put_along_axis(without, top, -np.inf, axis)
    others = logsumexp(without, axis=axis, keepdims=True)
    total = np.logaddexp(np.take_along_axis(logs, top, axis), others)
    shares = np.exp(logs - total)
    np.put_along_axis(shares, top, 0.0, axis)
    rest: NDArray[np.float64] = total + np.log1p(-shares)
    np.put_along_axis(rest, top, np.maximum(others, total - _CERTAIN), axis)
    return rest
