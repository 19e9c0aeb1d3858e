"""Intervals over experiments, and flips between stages, against enumeration and SciPy."""

import math
from collections import Counter
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import bootstrap

from deepnoise_core.contracts import UNASSIGNED, Stage
from deepnoise_core.evaluation.flips import flips_by_stage
from deepnoise_core.evaluation.intervals import experiment_interval


def wells(counts: list[int], rates: list[float]) -> tuple[NDArray[np.bool_], NDArray[np.str_]]:
    """Wells of experiments of these sizes, of which these shares are named rightly."""
    hits = [np.arange(count) < round(rate * count) for count, rate in zip(counts, rates, strict=True)]
    return np.concatenate(hits), np.repeat([f"E-{number}" for number in range(len(counts))], counts)


@pytest.mark.parametrize(
    ("counts", "rates"),
    [([40, 10], [0.9, 0.2]), ([10, 20, 30], [0.1, 0.5, 0.9]), ([5, 50, 20, 8], [0.2, 0.8, 0.4, 0.5])],
)
def test_ends_are_those_of_all_samples(counts: list[int], rates: list[float]) -> None:
    hits, experiments = wells(counts, rates)
    right = [hits[experiments == name].sum() for name in np.unique(experiments)]
    samples = list(product(range(len(counts)), repeat=len(counts)))
    means = [sum(right[one] for one in own) / sum(counts[one] for one in own) for own in samples]
    ends = experiment_interval(hits, experiments, draws=200_000)
    assert ends is not None
    spread = np.sort(means)
    low, high = (np.searchsorted(spread, [end - 1e-9, end + 1e-9], "left") / len(spread) for end in ends)
    assert low[0] - 0.005 <= 0.025 <= low[1] + 0.005
    assert high[0] - 0.005 <= 0.975 <= high[1] + 0.005


def test_ends_agree_with_scipy_over_clusters() -> None:
    generator = np.random.default_rng(0)
    counts = generator.integers(20, 300, 18).tolist()
    hits, experiments = wells(counts, generator.uniform(0.2, 0.9, 18).tolist())
    names = np.unique(experiments)
    right = np.array([hits[experiments == name].sum() for name in names], dtype=float)
    sizes = np.array([(experiments == name).sum() for name in names], dtype=float)
    scipys = bootstrap(
        (right, sizes),
        lambda a, b, axis: a.sum(axis=axis) / b.sum(axis=axis),
        paired=True,
        method="percentile",
        n_resamples=50_000,
        rng=np.random.default_rng(1),
    ).confidence_interval
    ours = experiment_interval(hits, experiments, draws=50_000)
    assert ours == pytest.approx((scipys.low, scipys.high), abs=0.004)


@given(st.lists(st.tuples(st.integers(1, 30), st.floats(0, 1)), min_size=2, max_size=8), st.integers(0, 2**32))
def test_an_interval_holds_no_more_than_experiments_show(drawn: list[tuple[int, float]], seed: int) -> None:
    counts, rates = [one for one, _ in drawn], [rate for _, rate in drawn]
    hits, experiments = wells(counts, rates)
    ends = experiment_interval(hits, experiments, seed=seed, draws=500)
    assert ends is not None
    means = [hits[experiments == name].mean() for name in np.unique(experiments)]
    assert min(means) - 1e-12 <= ends[0] <= ends[1] <= max(means) + 1e-12
    order = np.random.default_rng(seed).permutation(len(hits))
    assert experiment_interval(hits[order], experiments[order], seed=seed, draws=500) == pytest.approx(ends)


def test_one_experiment_has_no_interval() -> None:
    assert experiment_interval(np.array([True, False, True]), np.array(["A", "A", "A"])) is None
    assert experiment_interval(np.array([], bool), np.array([], str)) is None


def test_the_same_seed_gives_the_same_ends() -> None:
    hits, experiments = wells([13, 21, 34, 8], [0.2, 0.4, 0.9, 0.6])
    assert experiment_interval(hits, experiments, seed=3) == experiment_interval(hits, experiments, seed=3)
    few = [experiment_interval(hits, experiments, seed=seed, draws=20) for seed in range(10)]
    assert len(set(few)) > 1


@given(st.integers(0, 40), st.integers(0, 2**32))
def test_flips_are_counted_well_by_well(count: int, seed: int) -> None:
    generator = np.random.default_rng(seed)
    truths = generator.integers(0, 3, count)
    stages = {stage: generator.integers(UNASSIGNED, 3, count) for stage in Stage}
    found = flips_by_stage(stages, truths)
    assert [(one.before, stage) for stage, one in found.items()] == [
        (Stage.RAW, Stage.GROUP),
        (Stage.GROUP, Stage.ASSIGNED),
    ]
    for stage, flips in found.items():
        pairs = zip(stages[flips.before].tolist(), stages[stage].tolist(), truths.tolist(), strict=True)
        seen = Counter((old == true, new == true, old != new) for old, new, true in pairs)
        assert flips.right_to_wrong == seen[True, False, True]
        assert flips.wrong_to_right == seen[False, True, True]
        assert flips.wrong_to_wrong == seen[False, False, True]
        changed = flips.right_to_wrong + flips.wrong_to_right + flips.wrong_to_wrong
        assert flips.changed == pytest.approx(changed / count) if count else math.isnan(flips.changed)
