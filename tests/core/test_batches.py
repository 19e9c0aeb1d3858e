"""Batches: every row when it is due, whatever the sizes, the domains and the mix."""

from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import chisquare

from deepnoise_core.contracts.errors import ImageError, TrainingError
from deepnoise_core.data.batches import (
    Division,
    MixedSteps,
    RatioSteps,
    Rounds,
    Stream,
    batches_per_epoch,
    read_ahead,
)
from deepnoise_core.data.stores import ArrayStore

GROUPS = st.lists(st.integers(2, 30), min_size=1, max_size=6).map(
    lambda sizes: np.repeat(range(len(sizes)), sizes)
)


def divided(size: int, batch_size: int, seed: int = 0, **kind: Any) -> Division:
    return Division(np.arange(size) * 3, batch_size, seed=seed, purpose="labelled", **kind)


@given(st.integers(2, 300), st.integers(2, 64), st.integers(0, 5), st.integers(0, 5))
def test_a_turn_holds_every_row_once(size: int, batch_size: int, seed: int, turn: int) -> None:
    batches = divided(size, batch_size, seed).turn(turn)
    assert sorted(np.concatenate([batch.rows for batch in batches]).tolist()) == list(range(0, 3 * size, 3))
    assert {int(number) for batch in batches for number in batch.turns} == {turn}
    sizes = [len(batch) for batch in batches]
    assert len(batches) == batches_per_epoch(size, batch_size)
    assert max(sizes) - min(sizes) <= 1
    assert min(sizes) >= 2
    assert max(sizes) <= max(batch_size, 3)


@given(GROUPS, st.integers(2, 12), st.integers(0, 5), st.randoms(use_true_random=False))
def test_batches_of_domains_hold_every_row_once_and_one_domain_each(
    groups: NDArray[np.int64], batch_size: int, turn: int, random: Any
) -> None:
    shuffled = np.array(random.sample(groups.tolist(), len(groups)))
    division = divided(len(groups), batch_size, groups=shuffled)
    batches = division.turn(turn)
    assert sorted(np.concatenate([batch.rows for batch in batches]).tolist()) == list(
        range(0, 3 * len(groups), 3)
    )
    assert all(len({*shuffled[batch.rows // 3].tolist()}) == 1 for batch in batches)
    assert min(map(len, batches)) >= 2
    assert max(map(len, batches)) <= max(batch_size, 3)
    assert len(batches) == division.batches


def test_domains_take_turns_in_another_order_each_epoch() -> None:
    groups = np.repeat(np.arange(8), 6)
    division = divided(len(groups), 3, groups=groups)
    orders = {tuple(groups[batch.rows[0] // 3] for batch in division.turn(epoch)) for epoch in range(4)}
    assert len(orders) == 4
    assert all(order != tuple(sorted(order)) for order in orders)


def test_epochs_and_seeds_shuffle_differently() -> None:
    orders = {
        tuple(np.concatenate([batch.rows for batch in divided(30, 8, seed).turn(epoch)]).tolist())
        for seed in range(3)
        for epoch in range(3)
    }
    assert len(orders) == 9


def test_weights_decide_how_often_a_row_is_drawn() -> None:
    weights = np.array([1.0, 2.0, 3.0, 4.0])
    division = divided(4, 4, weights=weights)
    drawn = np.concatenate([batch.rows // 3 for turn in range(5000) for batch in division.turn(turn)])
    assert len(drawn) == 4 * 5000
    assert chisquare(np.bincount(drawn), weights / weights.sum() * len(drawn)).pvalue > 1e-3


def test_weights_keep_sizes_and_domains_and_tell_draws_apart() -> None:
    groups = np.array([0, 1, 0, 1, 1, 0, 1, 1, 2, 2])
    plain = divided(10, 3, groups=groups)
    weighted = divided(10, 3, groups=groups, weights=np.linspace(1, 2, 10))
    turns: list[int] = []
    for number in range(50):
        batches = weighted.turn(number)
        assert [len(batch) for batch in batches] == [len(batch) for batch in plain.turn(number)]
        assert all(len({*groups[batch.rows // 3].tolist()}) == 1 for batch in batches)
        turns.extend(turn for batch in batches for turn in batch.turns.tolist())
    assert len({*turns}) == len(turns)


@given(st.integers(1, 40), st.integers(1, 20), st.integers(0, 9))
def test_the_endless_stream_is_one_permutation_after_another(size: int, batch_size: int, seed: int) -> None:
    stream = Stream(np.arange(size), batch_size, seed=seed)
    batches = [stream.batch(step) for step in range(-(-3 * size // batch_size))]
    rows = np.concatenate([batch.rows for batch in batches])
    turns = np.concatenate([batch.turns for batch in batches])
    for turn in range(3):
        assert sorted(rows[turn * size : (turn + 1) * size].tolist()) == list(range(size))
        assert (turns[turn * size : (turn + 1) * size] == turn).all()


@given(GROUPS, st.integers(2, 12), st.integers(0, 30))
def test_steps_can_be_asked_for_in_any_order(groups: NDArray[np.int64], batch_size: int, step: int) -> None:
    def pools() -> list[Stream | Rounds]:
        rows = np.arange(len(groups))
        division = Division(rows, batch_size, seed=1, purpose="unlabelled", groups=groups)
        return [Stream(rows, batch_size, seed=1), Rounds(division)]

    for asked_once, asked_in_order in zip(pools(), pools(), strict=True):
        expected = [asked_in_order.batch(earlier) for earlier in range(step + 1)][-1]
        np.testing.assert_array_equal(asked_once.batch(step).rows, expected.rows)
        np.testing.assert_array_equal(asked_once.batch(step).turns, expected.turns)


def test_unlabelled_batches_go_on_over_epochs() -> None:
    steps = RatioSteps(divided(9, 3), Stream(np.arange(100, 107), 2, seed=0))
    rows = [row for epoch in range(7) for step in steps.epoch(epoch) for row in step.unlabelled.rows.tolist()]
    assert Counter(rows) == dict.fromkeys(range(100, 107), 6)


@given(st.integers(2, 120), st.integers(1, 120), st.integers(3, 24), st.integers(0, 3), st.integers(0, 3))
def test_the_random_mix_holds_every_site_once_and_both_kinds_in_every_batch(
    known: int, unknown: int, batch_size: int, seed: int, epoch: int
) -> None:
    labelled, unlabelled = np.arange(known), 1000 + np.arange(unknown)
    per_epoch = -(-(known + unknown) // batch_size)
    if known < 2 * per_epoch or unknown < per_epoch or (known + unknown) // per_epoch < 3:
        with pytest.raises(TrainingError, match=r"train\.batches\.mix: random .* train\.batch_size larger"):
            MixedSteps(labelled, unlabelled, batch_size, seed=seed)
        return
    mixed = MixedSteps(labelled, unlabelled, batch_size, seed=seed)
    steps = mixed.epoch(epoch)
    assert len(steps) == mixed.per_epoch == per_epoch
    assert sorted(row for step in steps for row in step.labelled.rows.tolist()) == labelled.tolist()
    assert sorted(row for step in steps for row in step.unlabelled.rows.tolist()) == unlabelled.tolist()
    assert min(len(step.labelled) for step in steps) >= 2
    assert min(len(step.unlabelled) for step in steps) >= 1
    sizes = [len(step.labelled) + len(step.unlabelled) for step in steps]
    assert max(sizes) <= batch_size
    assert max(sizes) - min(sizes) <= 1


def test_the_random_mix_is_what_the_shuffle_gives() -> None:
    mixed = MixedSteps(np.arange(400), np.arange(400, 800), 16, seed=0)
    shares = [len(step.labelled) for epoch in range(40) for step in mixed.epoch(epoch)]
    # Drawing 16 of 800 without replacement: the hypergeometric mean and variance.
    assert np.mean(shares) == pytest.approx(8)
    assert np.var(shares) == pytest.approx(16 * 0.25 * (800 - 16) / 799, rel=0.1)


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
