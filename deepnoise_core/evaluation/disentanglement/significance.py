"""The share of perturbations whose replicates are retrieved better than chance allows.

Kalinin et al., A versatile information retrieval framework for evaluating profile strength and similarity, Nature
Communications 2025 (copairs): the mean average precision of each perturbation against that of random orders, and
the false discovery rate held at 5 % by Benjamini and Hochberg.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import false_discovery_control

from deepnoise_core.evaluation.disentanglement.resampling import Experiments, Sampled
from deepnoise_core.evaluation.disentanglement.retrieval import Retrieval

ORDERS = 1000
"""Random orders that a perturbation is compared with."""

LEVEL = 0.05
"""False discovery rate."""

_ROUNDING, _CELLS = 1e-9, 1_000_000


def fraction_retrieved(
    retrieval: Retrieval, perturbation: NDArray[np.int64], experiments: Experiments, seed: int
) -> Sampled:
    """The share of perturbations whose mean average precision is significant; its null is that of random p.

    Args:
        retrieval: of n rows as queries.
        perturbation: of each row, [n].
        experiments: of each row, for the samples, in which neighbours and random orders stay as they are.
        seed: of the random orders.
    """
    asked = np.flatnonzero(retrieval.found > 0)
    if not len(asked):
        return experiments.unknown()
    names, own = np.unique(perturbation[asked], return_inverse=True)
    random = np.random.default_rng(seed)
    null = np.sort(_null_means(retrieval.found[asked], retrieval.ranked[asked], own, random), axis=1)
    sums, counts = experiments.totals(retrieval.precision[asked], asked, own)
    observed = np.divide(sums, counts, out=np.full(sums.shape, np.nan), where=counts > 0)
    shares = significant(_p_values(observed, null))
    by_chance = significant(random.integers(1, ORDERS + 2, size=(ORDERS, len(names))) / (ORDERS + 1.0))
    return experiments.sampled(float(shares[0]), shares[1:], float(by_chance.mean()))


def random_precisions(found: int, ranked: int, random: np.random.Generator) -> NDArray[np.float64]:
    """Average precision of M replicates among L ranked wells in random orders, [ORDERS]."""
    made = np.empty(ORDERS)
    step = max(1, _CELLS // found)
    for start in range(0, ORDERS, step):
        orders = range(start, min(start + step, ORDERS))
        places = np.stack([random.choice(ranked, found, replace=False, shuffle=False) for _ in orders])
        made[orders] = (np.arange(1, found + 1) / (np.sort(places, axis=1) + 1)).mean(axis=1)
    return made


def significant(p_values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The share of each row's p-values [R, K] that are significant; those that are NaN are not counted, [R]."""
    known = ~np.isnan(p_values)
    number = known.sum(axis=1)
    adjusted = false_discovery_control(np.where(known, p_values, 1.0), axis=1)
    # what is not there counts in neither way: it ranks last, and the others are adjusted for fewer tests
    accepted = known & (adjusted * (number / p_values.shape[1])[:, None] <= LEVEL)
    share: NDArray[np.float64] = accepted.sum(axis=1) / number
    return share


def _null_means(
    found: NDArray[np.int64], ranked: NDArray[np.int64], group: NDArray[np.int64], random: np.random.Generator
) -> NDArray[np.float64]:
    """The mean over each group's queries of their precision in random orders, [G, ORDERS].

    Queries with equally many replicates and wells share their orders, as in copairs: what is near one replicate
    is near the others too, so that the queries of a perturbation are no independent tests of it.
    """
    pairs, own = np.unique(np.stack([found, ranked]), axis=1, return_inverse=True)
    drawn = np.stack([random_precisions(int(m), int(length), random) for m, length in pairs.T])
    counts = np.zeros((group.max() + 1, len(drawn)))
    np.add.at(counts, (group, own), 1.0)
    means: NDArray[np.float64] = (counts / counts.sum(axis=1, keepdims=True)) @ drawn
    return means


def _p_values(observed: NDArray[np.float64], null: NDArray[np.float64]) -> NDArray[np.float64]:
    """(1 + how many of the ascending null [G, ORDERS] are larger) / (1 + ORDERS) of each observed mean [R, G]."""
    p_values = np.empty_like(observed)
    for group, (values, own) in enumerate(zip(observed.T, null, strict=True)):
        larger = ORDERS - np.searchsorted(own, values + _ROUNDING, "right")
        p_values[:, group] = np.where(np.isnan(values), np.nan, (1 + larger) / (1 + ORDERS))
    return p_values
