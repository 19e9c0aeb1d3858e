"""Pixel statistics against numpy on all pixels at once, and the same bits in any order."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from deepnoise_core.contracts import Measure, Screen
from deepnoise_core.data.statistics import (
    DenseHistograms,
    SparseHistograms,
    measure,
    pooled_moments,
    site_statistics,
)
from deepnoise_core.data.statistics.tiles import GRID, tile_edges, tile_sums
from deepnoise_core.data.stores import ArrayStore
from deepnoise_core.testing.screens import random_screen

ALL = tuple(Measure)
DTYPES = ("uint8", "uint16")


def pixels_of(screen: Screen) -> NDArray[np.uint64]:
    return screen.store.read(np.arange(len(screen))).astype(np.uint64)


@pytest.mark.parametrize("dtype", DTYPES)
def test_sums_are_those_of_the_pixels(dtype: str) -> None:
    screen = random_screen(dtype=dtype)  # type: ignore[arg-type]
    found, pixels = site_statistics(screen, measures=ALL, batch_size=3), pixels_of(screen)
    assert np.array_equal(found.total, pixels.sum(axis=(2, 3)))
    assert np.array_equal(found.squares, (pixels**2).sum(axis=(2, 3)))
    assert (found.count == 16 * 16).all()
    assert list(found.plate) == list(screen.column("plate"))


@pytest.mark.parametrize("dtype", DTYPES)
def test_histograms_count_every_pixel(dtype: str) -> None:
    screen = random_screen(dtype=dtype)  # type: ignore[arg-type]
    histograms, pixels = site_statistics(screen, measures=ALL).histograms, pixels_of(screen).astype(np.int64)
    assert histograms is not None
    for rows in (np.array([3]), np.arange(4, 9), np.array([7, 0, 7]), np.arange(0)):
        expected = [
            np.bincount(plane.ravel(), minlength=histograms.bins) for plane in pixels[rows].swapaxes(0, 1)
        ]
        assert np.array_equal(histograms.pooled(rows), np.stack(expected))
        assert np.array_equal(histograms.take(rows).pooled(np.arange(len(rows))), np.stack(expected))


@given(seed=st.integers(0, 50), parts=st.integers(1, 4))
def test_sparse_histograms_hold_what_dense_ones_do(seed: int, parts: int) -> None:
    generator = np.random.default_rng(seed)
    pixels = generator.integers(0, 300, (6, 2, 8, 8)).astype(np.uint16)
    dense = [measure(site).histogram for site in pixels]
    sparse = SparseHistograms.joined(
        [SparseHistograms.of([dense[row] for row in rows]) for rows in np.array_split(np.arange(6), parts)]
    )
    rows = generator.integers(0, 6, 4)
    wanted = DenseHistograms(np.stack(dense).astype(np.uint32)).pooled(rows)
    assert np.array_equal(sparse.pooled(rows), wanted)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(16, 16), (61, 37), (5, 70), (2100, 3)])
def test_tiles_are_sums_of_their_pixels(dtype: str, shape: tuple[int, int]) -> None:
    site = np.random.default_rng(0).integers(0, np.iinfo(dtype).max, (2, *shape), endpoint=True).astype(dtype)
    total, squares = tile_sums(site)
    down, across = map(tile_edges, shape)
    for row in range(GRID):
        for column in range(GRID):
            tile = site[:, down[row] : down[row + 1], across[column] : across[column + 1]].astype(np.uint64)
            assert np.array_equal(total[:, row, column], tile.sum(axis=(1, 2)))
            assert np.array_equal(squares[:, row, column], (tile**2).sum(axis=(1, 2)))


@given(seed=st.integers(0, 100))
def test_pooled_moments_have_the_same_bits_in_any_order(seed: int) -> None:
    screen = random_screen(dtype="uint16", seed=seed)
    statistics = site_statistics(screen)
    group = np.random.default_rng(seed).integers(-1, 3, len(screen))
    order = np.random.default_rng(seed + 1).permutation(len(screen))
    one = pooled_moments(statistics, group, 3)
    other = pooled_moments(statistics.take(order), group[order], 3)
    for field in ("count", "mean", "variance"):
        assert np.array_equal(getattr(one, field), getattr(other, field), equal_nan=True)


def test_pooled_moments_are_correctly_rounded() -> None:
    near_the_top = np.random.default_rng(0).integers(65530, 65536, (40, 1, 16, 16)).astype(np.uint16)
    screen = random_screen(experiments=1, plates=1, wells=20, channels=1)
    screen = Screen(screen.sites, screen.channels, ArrayStore(near_the_top), "near the top")
    found = pooled_moments(site_statistics(screen), np.zeros(40, dtype=np.int64), 1)
    values = [int(value) for value in near_the_top.ravel()]
    mean = Fraction(sum(values), len(values))
    variance = sum((value - mean) ** 2 for value in values) / len(values)
    assert found.mean[0, 0] == float(mean)
    assert found.variance[0, 0] == float(variance)


def test_an_empty_group_has_no_moments() -> None:
    found = pooled_moments(site_statistics(random_screen()), np.zeros(32, dtype=np.int64), 2)
    assert found.count[1] == 0
    assert np.isnan(found.mean[1]).all()


def test_what_a_screen_knows_of_its_pixels_is_not_measured_again() -> None:
    screen = random_screen()
    known = site_statistics(screen, measures=(Measure.TILES,))
    told = Screen(screen.sites, screen.channels, screen.store, screen.source, statistics=known)
    assert site_statistics(told, measures=(Measure.TILES,)) is known
    assert site_statistics(told, measures=(Measure.HISTOGRAMS,)).histograms is not None
    part = told.take([5, 2])
    assert part.statistics is not None
    assert np.array_equal(part.statistics.total, known.total[[5, 2]])
