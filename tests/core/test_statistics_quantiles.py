"""Statistics of histograms against NumPy and SciPy on the pixels themselves."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from scipy.stats import median_abs_deviation

from deepnoise_core.data.statistics import mapped_moments, median_and_mad, quantile

PIXELS = arrays(np.uint8, st.tuples(st.just(2), st.integers(1, 80)), elements=st.integers(0, 255))


def counted(pixels: NDArray[np.uint8], bins: int = 256) -> NDArray[np.int64]:
    return np.stack([np.bincount(row, minlength=bins) for row in pixels])


@given(pixels=PIXELS, share=st.floats(0, 1) | st.sampled_from([0.001, 0.1, 0.3, 0.7, 0.999]))
def test_a_quantile_is_that_of_the_inverted_distribution_function(
    pixels: NDArray[np.uint8], share: float
) -> None:
    expected = np.quantile(pixels, share, axis=1, method="inverted_cdf")
    assert np.array_equal(quantile(counted(pixels), share), expected)


@given(pixels=PIXELS)
def test_median_and_mad_are_values_that_occur(pixels: NDArray[np.uint8]) -> None:
    median, mad = median_and_mad(counted(pixels))
    expected = np.quantile(pixels, 0.5, axis=1, method="inverted_cdf").astype(np.int64)
    distances = np.abs(pixels.astype(np.int64) - expected[:, None])
    assert np.array_equal(median, expected)
    assert np.array_equal(mad, np.quantile(distances, 0.5, axis=1, method="inverted_cdf"))


@given(pixels=PIXELS.filter(lambda pixels: pixels.shape[1] % 2 == 1))
def test_of_an_odd_number_the_mad_is_scipys(pixels: NDArray[np.uint8]) -> None:
    assert np.array_equal(median_and_mad(counted(pixels))[1], median_abs_deviation(pixels.astype(float), axis=1))


def test_an_exact_tie_falls_as_in_numpy() -> None:
    """Where a share of the pixels is a whole number, rounding decides."""
    pixels = np.arange(250, dtype=np.uint8)[None]
    for share in np.arange(251) / 250:
        expected = np.quantile(pixels, share, axis=1, method="inverted_cdf")
        assert np.array_equal(quantile(counted(pixels), share), expected)


@given(pixels=PIXELS)
def test_moments_of_a_function_are_those_of_its_values(pixels: NDArray[np.uint8]) -> None:
    mean, std = mapped_moments(counted(pixels), np.log1p(np.arange(256)))
    logs = np.log1p(pixels.astype(np.float64))
    np.testing.assert_allclose(mean, logs.mean(axis=1), rtol=1e-12)
    np.testing.assert_allclose(std, logs.std(axis=1), rtol=1e-9, atol=1e-12)
    assert (std[(pixels == pixels[:, :1]).all(axis=1)] == 0).all()


def test_counts_beyond_32_bits_are_exact() -> None:
    counts = np.zeros((1, 65536), dtype=np.int64)
    counts[0, [7, 40000, 65535]] = [3 * 10**10, 3 * 10**10 + 1, 10]
    assert quantile(counts, 0.5) == [40000]
    assert median_and_mad(counts)[1] == [25535]
