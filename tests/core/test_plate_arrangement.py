from itertools import permutations
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepnoise_core.contracts.errors import AssignmentError
from deepnoise_core.data.plates import assign_plates, estimate_arrangement, find_plate_groups, group_mass

GROUPS = tuple(frozenset({2 * g, 2 * g + 1}) for g in range(4))


def test_mass_is_softmax_summed_over_wells_and_classes() -> None:
    scores = np.log([[0.1, 0.2, 0.3, 0.4], [0.25, 0.25, 0.25, 0.25]]) + np.array([[3.0], [-2.0]])
    mass = group_mass(scores, [frozenset({0, 3}), frozenset({1, 2})])
    np.testing.assert_allclose(mass, [1.0, 1.0])
    excluded = group_mass(np.array([[0.0, -np.inf], [-np.inf, -np.inf]]), [frozenset({0}), frozenset({1})])
    np.testing.assert_allclose(excluded, [1.0, 0.0])


@given(st.integers(1, 4), st.integers(0, 2**32))
def test_all_finds_the_two_best_injective_maps(plates: int, seed: int) -> None:
    mass = np.random.default_rng(seed).random((plates, 4))
    totals = {
        groups: sum(mass[plate, group] for plate, group in enumerate(groups))
        for groups in permutations(range(4), plates)
    }
    (best, first), (_, second) = sorted(totals.items(), key=lambda item: -item[1])[:2]
    found = estimate_arrangement(mass, 10, "all", threshold=0.0)
    assert found.groups == best
    assert found.margin == pytest.approx((first - second) / 10)


@given(st.integers(0, 2**32))
def test_cyclic_finds_the_best_rotation(seed: int) -> None:
    mass = np.random.default_rng(seed).random((4, 4))
    totals = [sum(mass[plate, (plate + turn) % 4] for plate in range(4)) for turn in range(4)]
    turn = int(np.argmax(totals))
    found = estimate_arrangement(mass, 1, "cyclic", threshold=0.0)
    assert found.groups == tuple((plate + turn) % 4 for plate in range(4))
    assert found.margin == pytest.approx(sorted(totals)[-1] - sorted(totals)[-2])


def test_a_small_lead_is_unknown() -> None:
    mass = np.full((4, 4), 25.0)
    mass[0, 0] += 0.05
    assert estimate_arrangement(mass, 100, threshold=0.001).groups is None
    assert estimate_arrangement(mass, 100, threshold=0.0001).groups == (0, 1, 2, 3)


def test_fewer_plates_than_groups_take_any_different_groups() -> None:
    mass = np.array([[0.0, 5, 4, 0], [0, 9, 0, 1]])
    assert estimate_arrangement(mass, 1, "cyclic").groups == (2, 1)
    listed = estimate_arrangement(mass, 1, [(0, 1, 2, 3), (3, 2, 1, 0)])
    assert listed.groups == (2, 1)


def test_more_plates_than_groups_go_on_turning() -> None:
    mass = np.zeros((5, 2))
    mass[:, 0] = [0, 1, 0, 1, 0]
    assert estimate_arrangement(mass, 1, "cyclic").groups == (1, 0, 1, 0, 1)
    balanced = estimate_arrangement(np.array([[9.0, 0], [8, 0], [1, 0], [2, 0]]), 1, "all")
    assert balanced.groups == (0, 0, 1, 1)
    assert balanced.margin == pytest.approx(6.0)


def test_a_single_possibility_leads_without_end() -> None:
    assert estimate_arrangement(np.ones((1, 1)), 1, "all").margin == np.inf
    assert estimate_arrangement(np.ones((4, 4)), 1, [(3, 1, 0, 2)]).groups == (3, 1, 0, 2)


def test_impossible_lists_are_named() -> None:
    with pytest.raises(AssignmentError, match="0 to 1"):
        estimate_arrangement(np.ones((2, 2)), 1, [(0, 2)])
    with pytest.raises(AssignmentError, match="X has 3 plates"):
        estimate_arrangement(np.ones((3, 2)), 1, [(0, 1)], place="X")
    with pytest.raises(AssignmentError, match="'rotations'"):
        estimate_arrangement(np.ones((2, 2)), 1, "rotations")  # type: ignore[arg-type]


def test_plates_are_numbered_as_people_number_them() -> None:
    plate = np.array(["10", "2", "1", "9"])
    held = {"1": 2, "2": 3, "9": 0, "10": 1}
    scores = np.zeros((4, 8))
    for row, name in enumerate(plate):
        scores[row, sorted(GROUPS[held[name]])] = 3.0
    found = find_plate_groups(scores, experiment=["A"] * 4, plate=plate, groups=GROUPS)
    assert found.arrangement["A"] == held
    assert found.of_row.tolist() == [held[name] for name in plate]


def test_an_unknown_experiment_is_not_restricted_and_does_not_harm_another() -> None:
    scores = np.zeros((8, 8))
    scores[:4, 0] = 1e-3
    for row in range(4):
        scores[4 + row, sorted(GROUPS[row])] = 3.0
    experiment, plate = ["A"] * 4 + ["B"] * 4, ["1", "2", "3", "4"] * 2
    result = assign_plates(scores, experiment=experiment, plate=plate, groups=GROUPS)
    assert result.arrangement["A"] is None
    assert result.margin["A"] < 0.001
    assert result.restricted[:4].tolist() == result.raw[:4].tolist() == [0, 0, 0, 0]
    assert result.arrangement["B"] == {"1": 0, "2": 1, "3": 2, "4": 3}


def test_known_arrangements_are_believed_and_checked() -> None:
    keys: dict[str, Any] = {"experiment": ["A", "A"], "plate": ["1", "2"], "groups": GROUPS}
    result = assign_plates(np.zeros((2, 8)), **keys, known={"A": {"1": 3, "2": 0}})
    assert result.labels.tolist() == [6, 0]
    assert result.margin["A"] == np.inf
    with pytest.raises(AssignmentError, match="experiment A says nothing of plate 2"):
        assign_plates(np.zeros((2, 8)), **keys, known={"A": {"1": 3}})
    with pytest.raises(AssignmentError, match="group 4 on plate 2"):
        assign_plates(np.zeros((2, 8)), **keys, known={"A": {"1": 3, "2": 4}})
