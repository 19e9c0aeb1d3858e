"""Cases A to G were computed by brute force over all assignments."""

from collections import Counter
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import linear_sum_assignment

from deepnoise_core.contracts import UNASSIGNED
from deepnoise_core.contracts.errors import AssignmentError
from deepnoise_core.data.plates import PlateAssignment, assign, assign_plates
from deepnoise_core.data.scores import log_probabilities

A = [[2.0, 1.9, 0.0], [1.5, 0.2, 0.1], [0.3, 0.4, 0.35]]
NEVER = -np.inf
ON_A1 = ("A", "1")


def one_plate(
    scores: ArrayLike, *, capacity: int | list[int] = 1, unassigned_score: float | None = None
) -> PlateAssignment:
    wells = len(np.asarray(scores))
    return assign_plates(
        scores,
        experiment=["A"] * wells,
        plate=["1"] * wells,
        capacity=capacity,
        unassigned_score=unassigned_score,
    )


def test_case_a_one_class_each() -> None:
    result = one_plate(A)
    assert result.raw.tolist() == [0, 0, 1]
    assert result.labels.tolist() == [1, 0, 2]
    assert result.changed.tolist() == [True, False, True]
    assert result.objective[ON_A1] == pytest.approx(3.75)
    offset = np.array(A) + np.array([[7], [-3], [11]])
    assert one_plate(offset).labels.tolist() == [1, 0, 2]
    assert one_plate(log_probabilities(np.array(A))).labels.tolist() == [1, 0, 2]


def test_case_b_fewer_wells_than_classes() -> None:
    result = one_plate(A[:2])
    assert result.labels.tolist() == [1, 0]
    assert result.objective[ON_A1] == pytest.approx(3.4)


def test_case_c_replicates() -> None:
    result = one_plate([[2.0, 0.0], [1.8, 0.0], [1.7, 1.6], [0.1, 0.0]], capacity=[2, 2])
    assert result.raw.tolist() == [0, 0, 0, 0]
    assert result.labels.tolist() == [0, 0, 1, 1]
    assert result.objective[ON_A1] == pytest.approx(5.4)


def test_case_d_too_many_wells() -> None:
    scores = [[1.0, 0.2], [0.9, 0.1], [0.2, 0.8]]
    with pytest.raises(AssignmentError, match="plate 1 of experiment A has 3 wells but only 2 places"):
        one_plate(scores)
    assert assign(np.array(scores), unassigned_score=-0.5).tolist() == [0, UNASSIGNED, 1]
    moved = np.array(scores) + np.array([[0], [5], [0]])
    assert assign(moved, unassigned_score=-0.5).tolist() == [UNASSIGNED, 0, 1]
    for same in (np.array(scores), moved):
        result = one_plate(same, unassigned_score=-0.5)
        # As log-probabilities the first two wells are alike, whatever is added to one.
        assert result.labels.tolist() in ([0, UNASSIGNED, 1], [UNASSIGNED, 0, 1])
        first, third = -np.log1p(np.exp(-0.8)), -np.log1p(np.exp(-0.6))
        assert result.objective[ON_A1] == pytest.approx(first - 0.5 + third)


def test_case_e_forbidden_cell() -> None:
    scores = np.array(A)
    scores[1, 0] = NEVER
    assert one_plate(scores).labels.tolist() == [0, 1, 2]


def test_case_f_infeasible() -> None:
    with pytest.raises(AssignmentError, match="plate 1 of experiment A"):
        one_plate([[1.0, NEVER], [2.0, NEVER]])
    with pytest.raises(AssignmentError, match="plate 1 of experiment A: no way"):
        one_plate([[1.0, NEVER, NEVER], [2.0, NEVER, NEVER], [0.0, 1.0, 2.0]])


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_case_g_not_a_number(value: float) -> None:
    with pytest.raises(AssignmentError, match="row 1 on plate 7 of experiment A"):
        assign_plates([[0.0, 1.0], [value, 0.0]], experiment=["A", "A"], plate=["3", "7"])


def test_nothing_and_nothing_allowed() -> None:
    assert one_plate(np.empty((0, 3))).labels.shape == (0,)
    with pytest.raises(AssignmentError, match="0 places"):
        one_plate([[NEVER, NEVER]])
    given_up = one_plate([[NEVER, NEVER]], unassigned_score=-9.0)
    assert given_up.labels.tolist() == given_up.raw.tolist() == [UNASSIGNED]


def test_capacity_by_plate() -> None:
    scores = np.array([[3.0, 0], [2, 0], [3, 0], [2, 0]])
    keys: dict[str, Any] = {"experiment": ["A"] * 4, "plate": ["1", "1", "2", "2"]}
    result = assign_plates(scores, **keys, capacity={("A", "1"): [2, 0], ("A", "2"): 1})
    assert result.labels.tolist() == [0, 0, 0, 1]
    with pytest.raises(AssignmentError, match="no capacity is given for plate 2 of experiment A"):
        assign_plates(scores, **keys, capacity={("A", "1"): 2})
    for faulty in ([1, 1, 1], [1, -1]):
        with pytest.raises(AssignmentError, match="must be one whole number"):
            assign_plates(scores, **keys, capacity=faulty)


def test_capacity_by_name_of_plate() -> None:
    keys: dict[str, Any] = {"experiment": ["A", "B"], "plate": ["1", "1"]}
    result = assign_plates([[3.0, 0.0], [2.0, 0.0]], **keys, capacity={"1": [0, 1]})
    assert result.labels.tolist() == [1, 1]
    own: dict[Any, Any] = {"1": 1, ("B", "1"): [0, 1]}
    mixed = assign_plates([[3.0, 0.0], [2.0, 0.0]], **keys, capacity=own)
    assert mixed.labels.tolist() == [0, 1]


def test_a_well_that_comes_twice_is_named() -> None:
    keys: dict[str, Any] = {"experiment": ["A", "A"], "plate": ["1", "1"]}
    with pytest.raises(AssignmentError, match="well B02 of plate 1 of experiment A comes twice, in rows 0 and 1"):
        assign_plates(np.array(A[:2]), **keys, well=["B02", "B02"])
    with pytest.raises(AssignmentError, match="one well a row"):
        assign_plates(np.array(A[:2]), **keys, well=["B02"])
    assert assign_plates(np.array(A[:2]), **keys, well=["B02", "B03"]).labels.tolist() == [1, 0]


@pytest.mark.parametrize("name", [None, "", np.nan])
def test_rows_without_a_plate_are_named(name: object) -> None:
    plate = np.array(["1", name], dtype=object)
    with pytest.raises(AssignmentError, match="1 rows have no plate, the first is row 1"):
        assign_plates(np.array(A[:2]), experiment=["A", "A"], plate=plate)


def test_three_plates_of_four_hold_three_different_groups() -> None:
    groups = [range(4 * group, 4 * group + 4) for group in range(4)]
    truth = np.concatenate([groups[group] for group in (2, 0, 3)])
    scores = np.random.default_rng(0).normal(size=(12, 16))
    scores[np.arange(12), truth] += 12.0
    keys: dict[str, Any] = {"experiment": ["A"] * 12, "plate": np.repeat(["1", "2", "4"], 4)}
    result = assign_plates(scores, **keys, groups=groups)
    assert result.arrangement["A"] == {"1": 2, "2": 0, "4": 3}
    np.testing.assert_array_equal(result.labels, truth)
    known = assign_plates(scores, **keys, groups=groups, known={"A": {"1": 2, "2": 0, "3": 1, "4": 3}})
    np.testing.assert_array_equal(known.labels, truth)


@given(st.integers(0, 2**32), st.integers(1, 3), st.sampled_from([None, -2.0]))
def test_looking_at_the_best_few_classes_loses_nothing(seed: int, least: int, unassigned: float | None) -> None:
    generator = np.random.default_rng(seed)
    scores = generator.normal(size=(6, 60)) + 3.0 * generator.normal(size=60)
    scores[generator.random(scores.shape) < 0.5] = NEVER
    capacity = generator.integers(least, 4, size=60) * (generator.random(60) < 0.8)
    labels = assign(scores, capacity=capacity, unassigned_score=unassigned)
    slots = np.repeat(np.arange(60), capacity)
    gains = np.column_stack([scores[:, slots], np.full((6, 6 if unassigned else 0), unassigned or 0.0)])
    rows, columns = linear_sum_assignment(gains, maximize=True)
    given = labels != UNASSIGNED
    found = scores[given, labels[given]].sum() + (~given).sum() * (unassigned or 0.0)
    assert found == pytest.approx(gains[rows, columns].sum())
    assert (np.bincount(labels[given], minlength=60) <= capacity).all()


def test_faulty_shapes_and_groups_are_named() -> None:
    with pytest.raises(AssignmentError, match=r"found scores \(2, 2\), experiment \(1,\)"):
        assign_plates(np.zeros((2, 2)), experiment=["A"], plate=["1", "1"])
    keys: dict[str, Any] = {"experiment": ["A", "A"], "plate": ["1", "2"]}
    with pytest.raises(AssignmentError, match="class 1 is in group 0 and in group 1"):
        assign_plates(np.zeros((2, 3)), **keys, groups=[frozenset({0, 1}), frozenset({1, 2})])
    with pytest.raises(AssignmentError, match=r"cover the 3 classes.*class 1"):
        assign_plates(np.zeros((2, 3)), **keys, groups=[frozenset({0}), frozenset({2})])


small_scores = st.integers(1, 5).flatmap(
    lambda classes: st.lists(
        st.lists(
            st.one_of(st.integers(-20, 20).map(lambda n: n / 4), st.just(NEVER)),
            min_size=classes,
            max_size=classes,
        ),
        min_size=1,
        max_size=6,
    )
)


@given(small_scores, st.integers(0, 2), st.one_of(st.none(), st.integers(-8, 4).map(float)))
def test_no_feasible_alternative_is_better(
    rows: list[list[float]], capacity: int, unassigned_score: float | None
) -> None:
    scores = np.array(rows)
    gains = scores if unassigned_score is None else log_probabilities(scores)
    best = _best_objective(gains, capacity, unassigned_score)
    if best == NEVER:
        with pytest.raises(AssignmentError, match="plate 1 of experiment A"):
            one_plate(scores, capacity=capacity, unassigned_score=unassigned_score)
        return
    result = one_plate(scores, capacity=capacity, unassigned_score=unassigned_score)
    assert result.objective[ON_A1] == pytest.approx(best)
    used = Counter(result.labels[result.labels != UNASSIGNED].tolist())
    assert max(used.values(), default=0) <= capacity
    if unassigned_score is None:
        assert UNASSIGNED not in result.labels


def _best_objective(scores: NDArray[np.float64], capacity: int, unassigned_score: float | None) -> float:
    wells, classes = scores.shape
    options = range(classes) if unassigned_score is None else range(-1, classes)
    table = np.column_stack([scores, np.full(wells, unassigned_score or 0.0)])
    best = NEVER
    for labels in product(options, repeat=wells):
        if all(count <= capacity for label, count in Counter(labels).items() if label >= 0):
            best = max(best, float(table[np.arange(wells), labels].sum()))
    return best


def _screen(seed: int, plates: int = 3, wells: int = 7, classes: int = 9) -> tuple[NDArray[np.float64], ...]:
    scores = np.random.default_rng(seed).normal(size=(2 * plates * wells, classes))
    experiment = np.repeat(["A", "B"], plates * wells)
    plate = np.tile(np.repeat(np.arange(1, plates + 1).astype(str), wells), 2)
    return scores, experiment, plate


THIRDS = tuple(frozenset(range(start, 9, 3)) for start in range(3))


@given(st.integers(0, 2**32), st.booleans())
def test_order_of_rows_changes_order_alone(seed: int, grouped: bool) -> None:
    scores, experiment, plate = _screen(seed)
    order = np.random.default_rng(seed + 1).permutation(len(scores))
    options: dict[str, Any] = {"groups": THIRDS if grouped else (), "capacity": 3, "threshold": 0.0}
    here = assign_plates(scores, experiment=experiment, plate=plate, **options)
    there = assign_plates(scores[order], experiment=experiment[order], plate=plate[order], **options)
    for name in ("labels", "raw", "restricted", "changed"):
        np.testing.assert_array_equal(getattr(there, name), getattr(here, name)[order])
    assert there.arrangement == here.arrangement
    for experiment_name, margin in here.margin.items():
        assert there.margin[experiment_name] == pytest.approx(margin)


@given(st.integers(0, 2**32))
def test_offsets_of_wells_change_nothing(seed: int) -> None:
    scores, experiment, plate = _screen(seed)
    shifts = np.random.default_rng(seed + 1).normal(scale=5, size=(len(scores), 1))
    plain = assign_plates(scores, experiment=experiment, plate=plate)
    for same in (scores + shifts, log_probabilities(scores)):
        moved = assign_plates(same, experiment=experiment, plate=plate)
        np.testing.assert_array_equal(moved.labels, plain.labels)


@given(st.integers(0, 2**32))
def test_labels_stay_in_the_group_and_a_permutation_stays(seed: int) -> None:
    scores, experiment, plate = _screen(seed)
    result = assign_plates(scores, experiment=experiment, plate=plate, groups=THIRDS, capacity=3, threshold=0.0)
    for row, label in enumerate(result.labels):
        arrangement = result.arrangement[experiment[row]]
        assert arrangement is not None
        assert label in THIRDS[arrangement[plate[row]]]
        assert result.restricted[row] in THIRDS[arrangement[plate[row]]]
    one_each = np.random.default_rng(seed).permutation(7)
    winners = np.zeros((7, 9))
    winners[np.arange(7), one_each] = 1.0
    assert one_plate(winners + 0.1 * scores[:7].clip(-4, 4)).labels.tolist() == one_each.tolist()


def test_one_well_gets_its_best_allowed_class() -> None:
    scores = np.array([[0.0, 5.0, 1.0, 2.0]])
    groups = (frozenset({0, 3}), frozenset({1, 2}))
    result = assign_plates(
        scores, experiment=["A"], plate=["1"], groups=groups, known={"A": {"1": 0}}, capacity=1
    )
    assert result.labels.tolist() == result.restricted.tolist() == [3]
    assert result.raw.tolist() == [1]


def test_scores_are_left_as_they_were() -> None:
    scores, experiment, plate = _screen(5)
    before = scores.copy()
    assign_plates(scores, experiment=experiment, plate=plate, groups=THIRDS, capacity=3, threshold=0.0)
    np.testing.assert_array_equal(scores, before)
