import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import log_softmax

from deepnoise_core.contracts import UNASSIGNED, Predictions
from deepnoise_core.data.scores import best_class, confidence, log_probabilities, margin

NEVER = -np.inf


@given(st.integers(0, 2**32))
def test_log_probabilities_agree_with_scipy(seed: int) -> None:
    generator = np.random.default_rng(seed)
    scores = generator.normal(scale=50, size=(6, 5))
    scores[generator.random((6, 5)) < 0.3] = NEVER
    some = (scores > NEVER).any(axis=1)
    ours = log_probabilities(scores)
    np.testing.assert_allclose(ours[some], log_softmax(scores[some], axis=1), atol=1e-12)
    assert (ours[~some] == NEVER).all()


def test_the_best_class_is_the_first_of_ties_or_none() -> None:
    scores = np.array([[0.0, 1.0, 1.0], [NEVER, NEVER, -3.0], [NEVER, NEVER, NEVER]])
    assert best_class(scores).tolist() == [1, 2, UNASSIGNED]
    assert best_class(np.empty((0, 3))).shape == (0,)
    assert best_class(np.empty((2, 0))).tolist() == [UNASSIGNED, UNASSIGNED]


def test_confidence_and_margin_look_at_scores_before_exclusion() -> None:
    raw = np.log([[0.2, 0.5, 0.3], [0.1, 0.1, 0.8]]).astype(np.float32)
    excluded = np.array([[0, NEVER, NEVER], [NEVER] * 3], dtype=np.float32)
    predictions = Predictions({}, ("a", "b", "c"), excluded, raw_scores=raw)
    np.testing.assert_allclose(confidence(predictions), [0.5, 0.8], rtol=1e-6)
    np.testing.assert_allclose(margin(predictions), [np.log(0.5 / 0.3), np.log(8.0)], rtol=1e-6)
    alone = Predictions({}, ("a", "b", "c"), excluded)
    np.testing.assert_array_equal(confidence(alone), [1.0, 0.0])
    np.testing.assert_array_equal(margin(alone), [np.inf, 0.0])
    assert margin(Predictions({}, ("a",), np.zeros((1, 1), np.float32))).tolist() == [np.inf]
