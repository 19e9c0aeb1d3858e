"""Multipliers against the same search written the slow way, with every label found anew at every step."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.special import softmax

from deepnoise_core.contracts import UNASSIGNED
from deepnoise_core.data.plates import assign, balance_classes

NEVER = -np.inf


def plate(wells: int, classes: int, lead: float, seed: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    generator = np.random.default_rng(seed)
    truth = generator.permutation(max(wells, classes))[:wells] % classes
    scores = generator.standard_normal((wells, classes))
    scores[np.arange(wells), truth] += lead
    return scores, truth


def slowly(scores: NDArray[np.float64], step: float, finest: float, rounds: int) -> NDArray[np.int64]:
    """As the reference says it: shares in percent, labels of the whole plate at every step."""
    shares = softmax(scores, axis=0)
    classes = scores.shape[1]

    def judged(multipliers: NDArray[np.float64]) -> tuple[float, NDArray[np.int64]]:
        labels = (shares * multipliers).argmax(axis=1)
        percent = 100 * np.bincount(labels, minlength=classes) / len(labels)
        return round(float(np.minimum(percent, 100 / classes).sum()), 9), labels

    best = np.ones(classes)
    while step >= finest:
        multipliers = best.copy()
        for _ in range(rounds):
            commonest = np.bincount(judged(multipliers)[1], minlength=classes).argmax()
            multipliers[commonest] -= step
            if judged(multipliers)[0] > judged(best)[0]:
                best = multipliers.copy()
        step /= 2
    return judged(best)[1]


@pytest.mark.parametrize(("wells", "classes"), [(8, 8), (6, 9), (12, 5), (1, 3)])
@pytest.mark.parametrize("seed", range(3))
def test_it_is_the_search_of_the_reference(wells: int, classes: int, seed: int) -> None:
    scores, _ = plate(wells, classes, 1.0, seed)
    fast = balance_classes(scores, step=0.05, halvings=2, rounds=40)
    np.testing.assert_array_equal(fast, slowly(scores, 0.05, 0.0125, 40))


def test_steps_end_above_the_smallest_that_was_published() -> None:
    assert 0.01 / 2**6 >= 1e-4 > 0.01 / 2**7


def test_labels_become_more_even_and_as_accurate_as_assignment() -> None:
    hits, most = np.zeros(3), np.zeros(2)
    for seed in range(4):
        scores, truth = plate(60, 60, 2.5, seed)
        ways = scores.argmax(axis=1), balance_classes(scores, rounds=300), assign(scores)
        hits += [(labels == truth).sum() for labels in ways]
        most += [np.bincount(labels).max() for labels in ways[:2]]
    assert most[1] < most[0]
    assert hits[1] > hits[0]
    assert abs(hits[1] - hits[2]) <= 0.05 * 240


def test_offsets_of_classes_are_nothing() -> None:
    scores, _ = plate(20, 20, 1.0, 0)
    tilted = scores + np.linspace(-3, 3, 20)
    np.testing.assert_array_equal(balance_classes(scores, rounds=50), balance_classes(tilted, rounds=50))


@given(st.integers(0, 2**32), st.integers(0, 7), st.integers(1, 7))
def test_any_plate_is_named_within_what_is_allowed(seed: int, wells: int, classes: int) -> None:
    generator = np.random.default_rng(seed)
    scores = generator.standard_normal((wells, classes))
    scores[generator.random(scores.shape) < 0.4] = NEVER
    before = scores.copy()
    labels = balance_classes(scores, step=0.5, halvings=1, rounds=20)
    np.testing.assert_array_equal(scores, before)
    nowhere = (scores == NEVER).all(axis=1)
    np.testing.assert_array_equal(labels == UNASSIGNED, nowhere)
    assert np.isfinite(scores[~nowhere, labels[~nowhere]]).all()
    order = generator.permutation(wells)
    np.testing.assert_array_equal(balance_classes(scores[order], step=0.5, halvings=1, rounds=20), labels[order])


def test_even_labels_stay() -> None:
    scores = np.array([[0.0, 3.0, NEVER], [2.0, 1.0, NEVER]])
    assert balance_classes(scores).tolist() == [1, 0]
