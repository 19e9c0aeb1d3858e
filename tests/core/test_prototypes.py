"""Scoring by prototypes: against scikit-learn, and no label of what is left out has a say."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics.pairwise import cosine_similarity
from sklearn.neighbors import NearestCentroid

from deepnoise_core.contracts import Predictions
from deepnoise_core.contracts.errors import PredictionsError
from deepnoise_core.evaluation.prototypes import SCALE, design_of_others, leave_one_out, score_by_prototypes

PLATES, SIZE = 4, 3


def example(seed: int = 0, rows: int = 60, classes: int = 4) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    labels = generator.integers(-1, classes, rows)
    units = generator.choice(["E1", "E2", "E10"], rows)
    centres = generator.normal(size=(classes + 1, 6))
    return (centres[labels] + generator.normal(size=(rows, 6))).astype(np.float32), labels, units


def test_scores_are_cosines_with_the_means_of_others() -> None:
    values, labels, units = example()
    scores = leave_one_out(values, labels, units, 4)
    assert scores.dtype == np.float32
    for row in range(len(values)):
        others = units != units[row]
        means = np.stack([values[others & (labels == number)].mean(axis=0) for number in range(4)])
        np.testing.assert_allclose(scores[row], cosine_similarity(values[row : row + 1], means)[0], atol=1e-6)


def test_the_best_class_is_that_of_the_nearest_centroid() -> None:
    values, labels, units = example(1)
    unit = values / np.linalg.norm(values, axis=1, keepdims=True)
    scores = leave_one_out(unit, labels, units, 4)
    for name in np.unique(units):
        training = (units != name) & (labels >= 0)
        centroids = NearestCentroid().fit(unit[training], labels[training])
        # On the unit sphere the nearest mean direction is that of the largest cosine.
        centroids.centroids_ /= np.linalg.norm(centroids.centroids_, axis=1, keepdims=True)
        np.testing.assert_array_equal(
            scores[units == name].argmax(axis=1), centroids.predict(unit[units == name])
        )


@given(seed=st.integers(0, 1000))
@settings(max_examples=20)
def test_labels_of_what_is_left_out_change_nothing_there(seed: int) -> None:
    values, labels, units = example(seed)
    other = np.where(units == "E2", (labels + 2) % 4, labels)
    before, after = leave_one_out(values, labels, units, 4), leave_one_out(values, other, units, 4)
    np.testing.assert_array_equal(before[units == "E2"], after[units == "E2"])
    order = np.random.default_rng(seed).permutation(len(values))
    moved = leave_one_out(values[order], labels[order], units[order], 4)
    np.testing.assert_allclose(moved, before[order], atol=1e-6)
    np.testing.assert_allclose(leave_one_out(values * 7, labels, units, 4), before, atol=1e-6)


def test_a_class_without_others_is_excluded_and_nothing_points_nowhere() -> None:
    values = np.array([[1, 0], [0, 1], [1, 1], [0, 0]], dtype=np.float32)
    scores = leave_one_out(values, np.array([0, 1, 0, -1]), np.array(["A", "A", "B", "B"]), 3)
    np.testing.assert_allclose(scores[0], [np.sqrt(0.5), -np.inf, -np.inf], rtol=1e-6)
    np.testing.assert_allclose(scores[3], [0, 0, -np.inf])


def wells(labels: np.ndarray, units: np.ndarray, values: np.ndarray) -> Predictions:
    names = np.array([f"w{row}" for row in range(len(labels))], dtype=object)
    ids = dict.fromkeys(("plate", "well", "well_id", "cell_type"), names) | {"experiment": units}
    roles = np.array(["treatment"] * len(labels), dtype=object)
    return Predictions({**ids, "role": roles}, (), np.zeros((len(labels), 0), np.float32), embeddings=values)


def test_predictions_say_how_they_were_made() -> None:
    values, labels, units = example(2)
    labels[labels == 3] = -1
    labels[0], scored = 3, labels >= 0
    made = score_by_prototypes(wells(labels, units, values), ("a", "b", "c", "d"), labels, units, scored)
    np.testing.assert_array_equal(made.scores[~scored], np.float32(-np.inf))
    np.testing.assert_allclose(made.scores[scored], SCALE * leave_one_out(values, labels, units, 4)[scored])
    assert set(made.ids["part"]) == {"test"}
    assert made.embeddings is values
    assert made.notes[-1] == "1 of 4 classes have labels in one of them alone, and no mean there"


def test_one_experiment_is_not_enough() -> None:
    values, labels, _ = example()
    alone = np.full(len(labels), "E1")
    with pytest.raises(PredictionsError, match="labels are given in 1 of what is left out"):
        score_by_prototypes(wells(labels, alone, values), ("a",) * 4, labels, alone, labels >= 0)


def test_the_design_of_others_is_that_of_all_or_none() -> None:
    experiment, plate, place = np.indices((3, PLATES, SIZE)).reshape(3, -1)
    labels = (plate + experiment) % PLATES * SIZE + place
    units = experiment.astype(str)
    design = design_of_others(labels, units, plate.astype(str), units, PLATES * SIZE)
    assert design is not None
    assert [sorted(group) for group in design.groups] == [[0, 1, 2], [3, 4, 5], [6, 7, 8], [9, 10, 11]]
    assert design.exclusive
    # A class that one experiment alone shows is in no group where that one is left out.
    once = np.where((labels == 0) & (experiment > 0), -1, labels)
    assert design_of_others(once, units, plate.astype(str), units, PLATES * SIZE) is None
