"""Pixels and their statistics, read in shares: threads stand for processes."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal

import numpy as np
import pytest
from numpy.typing import NDArray

from deepnoise_core.contracts import Measure
from deepnoise_core.data.statistics import site_statistics
from deepnoise_core.engine import reading
from deepnoise_core.testing.screens import random_screen

COUNT = 3


@pytest.fixture
def in_threads(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], Any]], list[Any]]:
    """Runs a function as three processes would."""
    own, barrier, given = threading.local(), threading.Barrier(COUNT), dict[int, NDArray[Any]]()

    def array_of_all(values: NDArray[Any]) -> NDArray[Any]:
        given[own.rank] = values
        barrier.wait(10)
        whole = np.concatenate([given[rank] for rank in range(COUNT)])
        barrier.wait(10)
        return whole

    monkeypatch.setattr(reading, "array_of_all", array_of_all)
    monkeypatch.setattr(reading, "process_count", lambda: COUNT)
    monkeypatch.setattr(reading, "process_rank", lambda: own.rank)

    def run(work: Callable[[], Any]) -> list[Any]:
        def begin(rank: int) -> Any:
            own.rank = rank
            return work()

        with ThreadPoolExecutor(COUNT) as threads:
            return list(threads.map(begin, range(COUNT)))

    return run


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_statistics_are_the_integers_of_one_process(
    dtype: Literal["uint8", "uint16"], in_threads: Callable[[Callable[[], Any]], list[Any]]
) -> None:
    screen = random_screen(dtype=dtype)
    expected = site_statistics(screen, measures=tuple(Measure))
    assert expected.histograms is not None
    assert expected.tiles is not None
    for found in in_threads(lambda: reading.measured(screen, tuple(Measure), lambda count: None)):
        np.testing.assert_array_equal(found.total, expected.total)
        np.testing.assert_array_equal(found.squares, expected.squares)
        np.testing.assert_array_equal(found.plate, expected.plate)
        for row in range(len(screen)):
            one = np.array([row])
            np.testing.assert_array_equal(found.histograms.pooled(one), expected.histograms.pooled(one))
            np.testing.assert_array_equal(found.tiles.pooled(one), expected.tiles.pooled(one))


def test_pixels_are_those_of_the_store(in_threads: Callable[[Callable[[], Any]], list[Any]]) -> None:
    screen, seen = random_screen(), list[int]()
    rows = np.arange(len(screen))
    for held in in_threads(lambda: reading.held_in_memory(screen, seen.append)):
        np.testing.assert_array_equal(held.store.read(rows), screen.store.read(rows))
    assert sum(seen) == len(screen)
