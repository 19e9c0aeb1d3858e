import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from deepnoise_core.data.randomness import derive_seed, permutation, sample_keys, uniforms


def test_draws_are_uniform_and_uncorrelated() -> None:
    draws = uniforms(sample_keys(3, 1, np.arange(50_000), "easy"), 4)
    for column in draws.T:
        assert stats.kstest(column, "uniform").pvalue > 1e-3
    assert np.abs(np.corrcoef(draws.T) - np.eye(4)).max() < 0.02
    assert np.abs(np.corrcoef(draws[:-1, 0], draws[1:, 0])[0, 1]) < 0.02


@given(st.integers(0, 2**31), st.integers(0, 1000), st.lists(st.integers(0, 10**7), min_size=1, max_size=20))
def test_a_draw_depends_on_its_own_key_alone(seed: int, epoch: int, rows: list[int]) -> None:
    together = uniforms(sample_keys(seed, epoch, rows, "hard"), 3)
    apart = [uniforms(sample_keys(seed, epoch, [row], "hard"), 3)[0] for row in rows]
    np.testing.assert_array_equal(together, np.stack(apart))


def test_seed_epoch_row_and_purpose_all_matter() -> None:
    keys = {
        int(sample_keys(seed, epoch, [row], purpose)[0])
        for seed in range(4)
        for epoch in range(4)
        for row in range(4)
        for purpose in ("easy", "hard")
    }
    assert len(keys) == 4 * 4 * 4 * 2


@given(st.integers(0, 200), st.integers(0, 99))
def test_permutations_are_permutations(size: int, seed: int) -> None:
    order = permutation(size, seed, 0, "labelled")
    assert sorted(order.tolist()) == list(range(size))


def test_derived_seeds_differ_by_part() -> None:
    seeds = {derive_seed(0, *parts) for parts in [(), ("a",), ("b",), ("a", 1), ("a", 2), (1, "a")]}
    assert len(seeds) == 6
    assert all(0 <= seed < 2**63 for seed in seeds)
