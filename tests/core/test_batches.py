"""Batches: every row when it is due, whatever the sizes."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from deepnoise_core.contracts.errors import ImageError
from deepnoise_core.data.batches import batches_per_epoch, endless_batch, epoch_batches, read_ahead
from deepnoise_core.data.stores import ArrayStore


@given(st.integers(2, 300), st.integers(2, 64), st.integers(0, 5), st.integers(0, 5))
def test_an_epoch_holds_every_row_once(size: int, batch_size: int, seed: int, epoch: int) -> None:
    rows = np.arange(size) * 3
    batches = epoch_batches(rows, batch_size, seed=seed, epoch=epoch)
    assert sorted(np.concatenate(batches).tolist()) == rows.tolist()
    assert len(batches) == batches_per_epoch(size, batch_size)
    sizes = [len(batch) for batch in batches]
    assert max(sizes) - min(sizes) <= 1
    assert min(sizes) >= 2
    assert max(sizes) <= max(batch_size, 3)


def test_epochs_and_seeds_shuffle_differently() -> None:
    orders = {
        tuple(np.concatenate(epoch_batches(np.arange(30), 8, seed=seed, epoch=epoch)).tolist())
        for seed in range(3)
        for epoch in range(3)
    }
    assert len(orders) == 9


@given(st.integers(1, 40), st.integers(1, 20), st.integers(0, 9))
def test_the_endless_stream_is_one_permutation_after_another(size: int, batch_size: int, seed: int) -> None:
    steps = -(-3 * size // batch_size)
    stream = np.concatenate(
        [endless_batch(np.arange(size), batch_size, seed=seed, step=step)[0] for step in range(steps)]
    )
    for turn in range(3):
        assert sorted(stream[turn * size : (turn + 1) * size].tolist()) == list(range(size))


def test_pixels_are_read_ahead_in_order() -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (20, 2, 3, 3), dtype=np.uint8)
    batches = [np.arange(start, start + 4) for start in range(0, 20, 4)]
    for (rows, read), expected in zip(read_ahead(ArrayStore(pixels), batches), batches, strict=True):
        np.testing.assert_array_equal(rows, expected)
        np.testing.assert_array_equal(read, pixels[expected])


def test_a_fault_of_a_batch_comes_with_its_turn() -> None:
    class Faulty(ArrayStore):
        def read(self, rows: NDArray[np.int64]) -> NDArray[Any]:
            if 5 in rows:
                raise ImageError("site 5 is damaged")
            return super().read(rows)

    stream = read_ahead(Faulty(np.zeros((8, 1, 2, 2), dtype=np.uint8)), [np.array([row]) for row in range(8)])
    assert [int(next(stream)[0][0]) for _ in range(5)] == [0, 1, 2, 3, 4]
    with pytest.raises(ImageError, match="site 5"):
        next(stream)
