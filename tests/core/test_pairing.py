"""Paired differences, against scipy."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import ttest_rel

from deepnoise_core.evaluation.pairing import paired_difference


@pytest.mark.parametrize("pairs", [2, 3, 12, 100])
def test_the_interval_is_that_of_a_paired_t_test(pairs: int) -> None:
    before, after = np.random.default_rng(pairs).normal(size=(2, pairs))
    found, known = paired_difference(after, before), ttest_rel(after, before)
    assert found.interval == pytest.approx(tuple(known.confidence_interval(0.95)), rel=1e-12)
    assert found.mean == pytest.approx((after - before).mean())
    assert found.pairs == pairs == known.df + 1


@given(arrays(np.float64, 5, elements=st.floats(0, 1)), arrays(np.float64, 5, elements=st.floats(0, 1)))
def test_exchanged_variants_exchange_the_sign(after: np.ndarray, before: np.ndarray) -> None:
    one, other = paired_difference(after, before), paired_difference(before, after)
    assert one.interval is not None
    assert other.interval is not None
    np.testing.assert_allclose((one.mean, *one.interval), (-other.mean, -other.interval[1], -other.interval[0]))
    assert one.interval[0] <= one.mean <= one.interval[1]


def test_one_pair_has_no_interval() -> None:
    assert paired_difference(np.array([0.5]), np.array([0.25])).interval is None
    assert paired_difference(np.full(3, 0.5), np.full(3, 0.25)).interval == (0.25, 0.25)
