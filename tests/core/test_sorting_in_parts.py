"""What is sorted, shuffled and numbered some values at a time is what all at once would give."""

from collections.abc import Iterator

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepnoise_core.data import buckets, numbering, randomness
from deepnoise_core.data.numbering import distinct, numbered, texts

TABLE = pl.DataFrame({"experiment": [f"E{row // 13}" for row in range(100)], "plate": ["9", "10"] * 50})
PLATE = pl.concat_str("experiment", "plate", separator="/")


@pytest.fixture(autouse=True, scope="module")
def _few_at_once() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for module in (buckets, numbering, randomness):
            patch.setattr(module, "AT_ONCE", 7)
        yield


@given(st.lists(st.integers(0, 9), max_size=60))
def test_buckets_hold_values_in_the_order_that_they_had(numbers: list[int]) -> None:
    values = np.arange(len(numbers))
    found, edges = buckets.in_buckets(values, lambda some: np.array(numbers, dtype=int)[some], 10)
    assert found.tolist() == sorted(values.tolist(), key=lambda place: numbers[place])
    assert edges.tolist() == [sum(number < bucket for number in numbers) for bucket in range(11)]


@given(st.lists(st.integers(0, 10**6), unique=True, max_size=60), st.integers(0, 9))
def test_a_shuffle_is_the_order_of_keys(numbers: list[int], seed: int) -> None:
    keys = randomness.sample_keys(seed, 3, numbers, "labelled")
    found = randomness.shuffled(np.array(numbers, dtype=np.int32), seed, 3, "labelled")
    assert found.dtype == np.int32
    assert found.tolist() == [numbers[place] for place in np.argsort(keys, kind="stable")]


def test_places_are_as_narrow_as_they_may_be() -> None:
    assert buckets.places(5).dtype == np.int32
    assert buckets.places(5).tolist() == [0, 1, 2, 3, 4]


@given(st.one_of(st.none(), st.lists(st.integers(0, 99), min_size=1, max_size=60)))
def test_names_are_numbered_in_their_order(rows: list[int] | None) -> None:
    chosen = None if rows is None else np.array(rows)
    every = TABLE.select(PLATE).to_series().to_list()
    expected = [every[row] for row in (range(100) if rows is None else rows)]
    names, numbers = numbered(TABLE, PLATE, chosen)
    assert names.to_list() == sorted(set(expected))
    assert names.gather(numbers).to_list() == expected
    pairs = distinct(TABLE, PLATE.alias("plate"), pl.col("experiment"), rows=chosen)
    assert sorted(pairs.rows()) == sorted({(name, name.partition("/")[0]) for name in expected})


def test_texts_are_those_of_the_column() -> None:
    for name in TABLE.columns:
        np.testing.assert_array_equal(texts(TABLE, name), np.array(TABLE[name].to_list()))
