"""Soft assignment against linear programmes, Sinkhorn's scaling, plain messages, all ways, and known truth."""

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import linear_sum_assignment, linprog

from deepnoise_core.contracts.errors import AssignmentError
from deepnoise_core.data.plates import Entropy, assign, assign_softly
from deepnoise_core.data.scores import log_probabilities
from deepnoise_core.evaluation.calibration import calibration

NEVER = -np.inf


ENTROPIES: tuple[Entropy, ...] = ("bethe", "shannon")


def plan_of(scores: ArrayLike, **options: Any) -> NDArray[np.float64]:
    return np.exp(assign_softly(np.asarray(scores, dtype=np.float64), tolerance=1e-9, **options).log_plan)


def scaled(scores: NDArray[np.float64], capacity: ArrayLike) -> NDArray[np.float64]:
    """Sinkhorn's scaling as it is written down, where classes are only ever lowered."""
    kernel = np.exp(scores)
    by_class = np.ones(scores.shape[1])
    for _ in range(4000):
        by_well = 1 / (kernel @ by_class)
        by_class = np.minimum(1.0, np.asarray(capacity) / (kernel.T @ by_well))
    by_well = 1 / (kernel @ by_class)
    return by_well[:, None] * kernel * by_class


def propagated(scores: NDArray[np.float64], capacity: Sequence[int]) -> NDArray[np.float64]:
    """Messages of belief propagation one by one, between wells and single places."""
    slots = np.repeat(np.arange(len(capacity)), capacity)
    weights = np.exp(scores)[:, slots]
    down = np.ones_like(weights)
    for _ in range(3000):
        taken = weights * down
        up = weights / (taken.sum(axis=1, keepdims=True) - taken)
        down = 1 / (1 + up.sum(axis=0) - up)
    taken = weights * down
    plan = taken / taken.sum(axis=1, keepdims=True)
    return np.stack([plan[:, slots == k].sum(axis=1) for k in range(len(capacity))], axis=1)


def enumerated(scores: NDArray[np.float64], capacity: Sequence[int]) -> NDArray[np.float64]:
    """Share of all ways to fill the places, by their weight, in which a well has a class."""
    slots = np.repeat(np.arange(len(capacity)), capacity)
    ways = slots[np.array(list(itertools.permutations(range(len(slots)), len(scores))))]
    weights = np.exp(scores[np.arange(len(scores)), ways].sum(axis=1))
    held = ways[:, :, None] == np.arange(len(capacity))
    shares: NDArray[np.float64] = (weights[:, None, None] * held).sum(axis=0) / weights.sum()
    return shares


def refusal_of(way: Callable[..., object], scores: NDArray[np.float64], capacity: int) -> str:
    try:
        way(scores, capacity=capacity, place="plate 7")
    except AssignmentError as error:
        return str(error)
    return ""


def full_plate(
    lead: float, seed: int, wells: int = 60, classes: int = 60
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Logits that are calibrated by their making, and the class of each well."""
    generator = np.random.default_rng(seed)
    truth = generator.permutation(classes)[:wells]
    scores = generator.standard_normal((wells, classes))
    scores[np.arange(wells), truth] += lead
    return lead * scores, truth


@pytest.mark.parametrize(("wells", "capacity"), [(4, [1] * 4), (3, [1] * 5), (5, [2, 1, 2]), (2, [2, 2, 2])])
def test_it_is_what_sinkhorns_scaling_ends_in(wells: int, capacity: list[int]) -> None:
    for seed in range(5):
        scores = np.random.default_rng(seed).standard_normal((wells, len(capacity)))
        found = plan_of(scores, capacity=capacity, entropy="shannon")
        np.testing.assert_allclose(found, scaled(scores, capacity), atol=1e-6)


@pytest.mark.parametrize(("wells", "capacity"), [(3, [1] * 5), (4, [2, 1, 2]), (2, [2, 2, 2])])
def test_it_is_what_messages_one_by_one_end_in(wells: int, capacity: list[int]) -> None:
    for seed in range(5):
        scores = np.random.default_rng(seed).standard_normal((wells, len(capacity)))
        np.testing.assert_allclose(plan_of(scores, capacity=capacity), propagated(scores, capacity), atol=1e-6)


@pytest.mark.parametrize(("wells", "capacity"), [(6, [1] * 6), (5, [1] * 6), (5, [2, 2, 1]), (4, [2, 2, 1])])
def test_it_is_near_to_the_shares_of_all_ways_to_fill_the_plate(wells: int, capacity: list[int]) -> None:
    errors = np.zeros(3)
    for seed in range(10):
        scores = 1.5 * np.random.default_rng(seed).standard_normal((wells, len(capacity)))
        plans = [plan_of(scores, capacity=capacity, entropy=entropy) for entropy in ENTROPIES]
        plans.append(np.exp(log_probabilities(scores)))
        exact = enumerated(scores, capacity)
        errors += [np.abs(plan - exact).mean() / 10 for plan in plans]
    bethe, shannon, softmax = errors
    assert bethe < 0.03
    assert 2 * bethe < shannon < softmax


def test_it_is_the_share_of_all_ways_where_wells_hardly_meet() -> None:
    scores = np.array([[1.0, 0.3, NEVER, NEVER], [NEVER, 0.7, -0.4, NEVER], [NEVER, NEVER, 0.1, 0.9]])
    np.testing.assert_allclose(plan_of(scores), enumerated(scores, [1] * 4), atol=1e-8)


def test_probabilities_that_fit_stay_with_shannon_entropy() -> None:
    scores = np.array([[0.0, 1.0, -1.0], [1.0, 0.0, 2.0]])
    plan = plan_of(scores, capacity=2, entropy="shannon")
    np.testing.assert_array_equal(plan, np.exp(log_probabilities(scores)))


grid_scores = st.integers(1, 5).flatmap(
    lambda wells: st.integers(wells, 6).flatmap(
        lambda classes: st.lists(
            st.lists(st.integers(-20, 20).map(lambda n: n / 4), min_size=classes, max_size=classes),
            min_size=wells,
            max_size=wells,
        )
    )
)


@settings(max_examples=40)
@given(grid_scores, st.sampled_from(ENTROPIES))
def test_cold_it_is_the_linear_assignment(rows: list[list[float]], entropy: Entropy) -> None:
    scores = np.array(rows)
    chosen = linear_sum_assignment(scores, maximize=True)
    found = assign_softly(scores / 1e-3, tolerance=1e-9, entropy=entropy)
    # Messages can turn in circles where two assignments are nearly as good; the result says that they did.
    assume(entropy == "shannon" or found.unsettled <= 1e-6)
    assert (np.exp(found.log_plan) * scores).sum() == pytest.approx(scores[chosen].sum(), abs=1e-6)


@pytest.mark.parametrize("entropy", ENTROPIES)
@pytest.mark.parametrize(("wells", "capacity"), [(4, [1] * 4), (3, [1] * 5), (5, [2, 1, 2]), (4, [3, 1, 2])])
def test_cold_it_is_the_linear_programme(wells: int, capacity: list[int], entropy: Entropy) -> None:
    classes = len(capacity)
    by_well = np.kron(np.eye(wells), np.ones(classes))
    by_class = np.kron(np.ones(wells), np.eye(classes))
    for seed in range(5):
        scores = np.random.default_rng(seed).standard_normal((wells, classes))
        best: Any = linprog(-scores.ravel(), A_ub=by_class, b_ub=capacity, A_eq=by_well, b_eq=np.ones(wells))
        cold = plan_of(scores / 1e-4, capacity=capacity, entropy=entropy)
        assert (cold * scores).sum() == pytest.approx(-best.fun, abs=1e-6)
        np.testing.assert_allclose(cold, best.x.reshape(wells, classes), atol=1e-3)


@pytest.mark.parametrize("entropy", ENTROPIES)
def test_hot_it_is_even_over_the_places(entropy: Entropy) -> None:
    scores = np.random.default_rng(0).standard_normal((4, 3)) / 1e7
    for wells in (2, 3):
        even = np.full((wells, 3), 1 / 3)
        np.testing.assert_allclose(plan_of(scores[:wells], entropy=entropy), even, atol=1e-6)
    by_places = np.tile([0.5, 0.25, 0.25], (4, 1))
    np.testing.assert_allclose(plan_of(scores, capacity=[2, 1, 1], entropy=entropy), by_places, atol=1e-6)


@settings(max_examples=60)
@given(st.integers(0, 2**32), st.integers(0, 6), st.integers(1, 6), st.integers(0, 2), st.sampled_from(ENTROPIES))
def test_margins_hold_and_infeasible_plates_fail_as_in_linear_assignment(
    seed: int, wells: int, classes: int, capacity: int, entropy: Entropy
) -> None:
    generator = np.random.default_rng(seed)
    scores = 2 * generator.standard_normal((wells, classes))
    scores[generator.random(scores.shape) < 0.3] = NEVER
    refusal = refusal_of(assign, scores, capacity)
    assert refusal_of(assign_softly, scores, capacity) == refusal
    if refusal:
        return
    options: dict[str, Any] = {"capacity": capacity, "entropy": entropy, "tolerance": 1e-6}
    found = assign_softly(scores, **options)
    plan = np.exp(found.log_plan)
    assert found.unsettled <= 1e-6
    np.testing.assert_allclose(plan.sum(axis=1), 1)
    assert (plan.sum(axis=0) <= capacity + 1e-6).all()
    assert (plan[scores == NEVER] == 0).all()
    order, other = generator.permutation(wells), generator.permutation(classes)
    moved = assign_softly(scores[np.ix_(order, other)], **options)
    np.testing.assert_allclose(np.exp(moved.log_plan), plan[np.ix_(order, other)], atol=1e-3)
    shifted = assign_softly(scores + generator.normal(size=(wells, 1)), **options)
    np.testing.assert_allclose(np.exp(shifted.log_plan), plan, atol=1e-3)


@pytest.mark.parametrize("entropy", ENTROPIES)
def test_wells_may_stay_without_a_class(entropy: Entropy) -> None:
    scores = log_probabilities(np.array([[1.0, 0.2], [0.7, 0.1], [0.2, 0.8]]))
    found = assign_softly(scores, unassigned_score=-0.5, entropy=entropy, tolerance=1e-9)
    plan, without = np.exp(found.log_plan), np.exp(found.log_unassigned)
    np.testing.assert_allclose(plan.sum(axis=1) + without, 1)
    assert plan.sum(axis=0).max() <= 1 + 1e-9
    if entropy == "shannon":
        padded = np.hstack([scores, np.full((3, 1), -0.5)])
        np.testing.assert_allclose(np.column_stack([plan, without]), scaled(padded, [1, 1, 3]), atol=1e-7)
    cold = assign_softly(scores / 1e-3, unassigned_score=-1.0 / 1e-3, entropy=entropy)
    assert np.exp(cold.log_unassigned).round(6).tolist() == [0, 1, 0]
    given_up = assign_softly(np.full((2, 2), NEVER), unassigned_score=-9.0, entropy=entropy)
    assert given_up.log_unassigned.tolist() == [0, 0]


@pytest.mark.parametrize("entropy", ENTROPIES)
def test_what_is_cut_short_is_told(entropy: Entropy) -> None:
    scores, _ = full_plate(4.0, seed=0)
    early, late = (assign_softly(scores, entropy=entropy, iterations=most) for most in (1, 1000))
    assert early.unsettled > 1e-4 >= late.unsettled


@pytest.mark.parametrize("lead", [2.5, 3.5])
@pytest.mark.parametrize("wells", [60, 55])
def test_it_is_calibrated_and_more_often_right_than_all_others(lead: float, wells: int) -> None:
    plates = [full_plate(lead, seed, wells) for seed in range(20)]
    truth = np.concatenate([own for _, own in plates])
    softmax = np.concatenate([log_probabilities(scores) for scores, _ in plates])
    bethe, shannon = (
        np.concatenate([assign_softly(scores, entropy=entropy).log_plan for scores, _ in plates])
        for entropy in ENTROPIES
    )
    ours, scaling, alone = (calibration(logs, truth) for logs in (bethe, shannon, softmax))
    assert ours.nll + 0.03 < scaling.nll < alone.nll - 0.1
    assert ours.ece + 0.03 < scaling.ece
    assert ours.ece < 0.05
    one_to_one = np.concatenate([assign(scores) for scores, _ in plates])
    right = [
        float((labels == truth).mean()) for labels in (bethe.argmax(axis=1), softmax.argmax(axis=1), one_to_one)
    ]
    assert right[0] > right[1] + 0.04
    assert right[0] > right[2] - 0.005


def test_logits_of_a_wrong_temperature_become_better_calibrated_too() -> None:
    plates = [full_plate(3.5, seed) for seed in range(10)]
    truth = np.concatenate([own for _, own in plates])
    softmax = np.concatenate([log_probabilities(scores / 3.5) for scores, _ in plates])
    softly = np.concatenate([assign_softly(scores / 3.5).log_plan for scores, _ in plates])
    ours, alone = calibration(softly, truth), calibration(softmax, truth)
    assert ours.ece < alone.ece - 0.02
    assert ours.nll < alone.nll - 0.1
