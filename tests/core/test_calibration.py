"""Figures of confidence against their formulas, and a temperature that changes no label."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax
from sklearn.metrics import log_loss

from deepnoise_core.contracts import Predictions
from deepnoise_core.data.scores import confidence
from deepnoise_core.data.temperature import HIGHEST, LOWEST, fit_temperature
from deepnoise_core.evaluation.calibration import BINS, calibration


def logits(
    wells: int, classes: int, seed: int, scale: float = 3.0
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Logits whose classes are drawn from their softmax, and then made too sure by a factor."""
    generator = np.random.default_rng(seed)
    honest = generator.normal(scale=1.5, size=(wells, classes))
    labels = np.array([generator.choice(classes, p=row) for row in softmax(honest, axis=1)])
    return scale * honest, labels


def ece_by_hand(sure: NDArray[np.float64], right: NDArray[np.bool_]) -> float:
    total = 0.0
    for low, high in zip(np.linspace(0, 1, 16)[:-1], np.linspace(0, 1, 16)[1:], strict=True):
        own = [place for place, one in enumerate(sure) if low < one <= high]
        if own:
            total += len(own) / len(sure) * float(abs(np.mean(right[own]) - np.mean(sure[own])))
    return total


@given(st.integers(1, 80), st.integers(2, 9), st.sampled_from([None, 0.5, 2.5]), st.integers(0, 2**32))
def test_figures_agree_with_their_formulas(
    wells: int, classes: int, temperature: float | None, seed: int
) -> None:
    scores, labels = logits(wells, classes, seed)
    found = calibration(scores, labels, temperature)
    chances = softmax(scores / (temperature or 1.0), axis=1)
    sure, right = chances.max(axis=1), chances.argmax(axis=1) == labels
    assert found.nll == pytest.approx(log_loss(labels, chances, labels=range(classes)), rel=1e-9)
    assert found.ece == pytest.approx(ece_by_hand(sure, right), abs=1e-12)
    by_class = [ece_by_hand(chances[:, one], labels == one) for one in range(classes)]
    assert found.classwise_ece == pytest.approx(np.mean(by_class), abs=1e-12)
    order = np.argsort(sure, kind="stable")
    parts = [part for part in np.array_split(order, BINS) if len(part)]
    gaps = [len(part) / wells * abs(right[part].mean() - sure[part].mean()) for part in parts]
    assert found.adaptive_ece == pytest.approx(sum(gaps), abs=1e-12)
    most_sure_first = order[::-1]
    risks = [np.mean(~right[most_sure_first[:count]]) for count in range(1, wells + 1)]
    assert found.aurc == pytest.approx(np.mean(risks), abs=1e-12)
    assert sum(one.wells for one in found.bins) == wells
    assert all(one.low < one.confidence <= one.high + 1e-12 for one in found.bins)


def test_wells_that_are_equally_sure_have_no_order() -> None:
    scores = np.zeros((6, 2))
    for labels in ([0, 0, 0, 1, 1, 1], [1, 1, 1, 0, 0, 0]):
        assert calibration(scores, np.array(labels)).aurc == pytest.approx(0.5)


def test_what_is_always_sure_and_right_is_calibrated() -> None:
    found = calibration(np.diag([900.0] * 4), np.arange(4))
    assert (found.ece, found.adaptive_ece, found.classwise_ece, found.nll, found.aurc) == (0, 0, 0, 0, 0)
    assert [(one.wells, one.accuracy) for one in found.bins] == [(4, 1.0)]


def test_an_excluded_true_class_costs_without_bound() -> None:
    assert calibration(np.array([[0.0, -np.inf]]), np.array([1])).nll == np.inf


@given(st.integers(30, 120), st.integers(2, 8), st.floats(0.5, 4.0), st.integers(0, 2**32))
def test_the_temperature_is_that_of_least_loss(wells: int, classes: int, scale: float, seed: int) -> None:
    scores, labels = logits(wells, classes, seed, scale)

    def loss(inverse: NDArray[np.float64]) -> float:
        return float(-log_softmax(scores * inverse, axis=1)[np.arange(wells), labels].mean())

    best = minimize(loss, x0=[0.5], bounds=[(1 / HIGHEST, 1 / LOWEST)], method="L-BFGS-B")
    temperature = fit_temperature(scores, labels)
    assert loss(np.array([1 / temperature])) <= min(best.fun, loss(np.ones(1))) + 1e-8


@given(st.integers(1, 60), st.integers(2, 8), st.integers(0, 2**32))
def test_a_temperature_changes_no_label_and_never_raises_the_loss(wells: int, classes: int, seed: int) -> None:
    scores, labels = logits(wells, classes, seed)
    temperature = fit_temperature(scores, labels)
    assert LOWEST <= temperature <= HIGHEST
    before, after = calibration(scores, labels), calibration(scores, labels, temperature)
    assert after.nll <= before.nll
    np.testing.assert_array_equal((scores / temperature).argmax(axis=1), scores.argmax(axis=1))


def test_too_sure_by_a_factor_is_found_and_mended() -> None:
    scores, labels = logits(4000, 10, seed=1, scale=3.0)
    temperature = fit_temperature(scores[:2000], labels[:2000])
    assert temperature == pytest.approx(3.0, rel=0.05)
    before, after = (calibration(scores[2000:], labels[2000:], one) for one in (None, temperature))
    assert before.ece > 0.2
    assert after.ece < 0.03
    assert after.nll < before.nll


def test_confidence_of_predictions_is_at_their_temperature() -> None:
    scores = np.array([[2.0, 0.0, -1.0]], np.float32)
    predictions = Predictions({}, ("a", "b", "c"), scores, temperature=2.0)
    np.testing.assert_allclose(confidence(predictions), softmax(scores / 2).max(), rtol=1e-6)
