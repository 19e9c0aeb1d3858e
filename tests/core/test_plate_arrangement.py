"""Arrangements against all that are allowed, and evidence against its formula."""

import warnings
from itertools import permutations
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import ArrayLike
from scipy import stats

from deepnoise_core.contracts.errors import AssignmentError
from deepnoise_core.data.plates import (
    THRESHOLD,
    ArrangementEstimate,
    Arrangements,
    PlateEvidence,
    assign_plates,
    estimate_arrangement,
    find_plate_groups,
    plate_evidence,
)

GROUPS = tuple(frozenset({2 * g, 2 * g + 1}) for g in range(4))
NEVER = -np.inf


def plates_with(totals: ArrayLike) -> list[PlateEvidence]:
    """Plates of one well and one class a group."""
    rows = np.asarray(totals, dtype=float)
    return [PlateEvidence(row, tuple(row[:, None]), 1) for row in rows]


def estimate(totals: ArrayLike, arrangements: Arrangements = "all") -> ArrangementEstimate:
    """The best arrangement, however far it leads."""
    return estimate_arrangement(plates_with(totals), arrangements, threshold=0.0)


@given(st.integers(0, 2**32), st.booleans())
def test_evidence_is_softmax_of_what_the_plate_does_not_explain(seed: int, some_excluded: bool) -> None:
    generator = np.random.default_rng(seed)
    scores = generator.normal(scale=3, size=(5, 8))
    if some_excluded:
        scores[generator.random((5, 8)) < 0.3] = NEVER
        scores[1] = NEVER
    warnings.simplefilter("ignore", RuntimeWarning)  # A row or column without a number has no mean.
    finite = np.where(np.isfinite(scores), scores, np.nan)
    level = np.array([np.nanmean(row) if np.isfinite(row).any() else np.nan for row in finite])
    left = finite - level[:, None]
    spread = np.sqrt(np.nanmean(left**2, axis=1, keepdims=True))
    left /= np.where(spread == 0, 1, spread)  # A well that may hold one class alone is at its own level there.
    left -= np.nanmean(left, axis=0)
    wells = np.isfinite(left).sum(axis=0)
    own = np.nan_to_num(np.nansum(left**2, axis=0))
    left /= np.sqrt(np.maximum((own + 5 * np.nanmean(left**2)) / (wells + 5), 1e-6))
    classes, logs = np.zeros(8), np.zeros(4)
    for row in left:
        allowed = np.isfinite(row)
        if not allowed.any():
            continue
        shares = np.where(allowed, np.exp(np.nan_to_num(row)), 0.0)
        shares /= shares.sum()
        classes += shares - allowed / allowed.sum()
        for number, group in enumerate(GROUPS):
            chance = allowed[sorted(group)].sum() / allowed.sum()
            logs[number] += np.log(max(shares[sorted(group)].sum(), 1e-12)) - np.log(max(chance, 1e-12))
    found = plate_evidence(scores, GROUPS)
    assert found.wells == 5
    np.testing.assert_allclose(np.concatenate(found.classes), classes, atol=1e-12)
    np.testing.assert_allclose(found.groups, classes.reshape(4, 2).sum(axis=1), atol=1e-12)
    np.testing.assert_allclose(plate_evidence(scores, GROUPS, "likelihood").groups, logs, atol=1e-9)


@given(st.integers(0, 2**32))
def test_evidence_heeds_no_offset_or_temperature_of_wells(seed: int) -> None:
    generator = np.random.default_rng(seed)
    scores = generator.normal(size=(30, 8))
    plain = plate_evidence(scores, GROUPS)
    moved = scores * np.exp(generator.normal(size=(30, 1))) + generator.normal(size=(30, 1))
    np.testing.assert_allclose(plate_evidence(moved, GROUPS).groups, plain.groups, atol=1e-9)


@given(st.integers(0, 2**32), st.floats(1.0, 20.0))
def test_what_a_plate_does_to_classes_is_no_evidence(seed: int, strength: float) -> None:
    generator = np.random.default_rng(seed)
    bias = strength * generator.normal(size=8)
    for noise in (0.0, 1e-9):
        scores = bias + noise * generator.normal(size=(40, 8))
        for dtype in (np.float32, np.float64):
            evidence = [plate_evidence(scores.astype(dtype), GROUPS)] * 4
            assert estimate_arrangement(evidence).groups is None


def test_a_larger_group_is_no_evidence() -> None:
    groups = (frozenset({0, 1}), frozenset(range(2, 12)))
    scores = np.random.default_rng(0).normal(size=(30, 12))
    assert estimate_arrangement([plate_evidence(scores, groups)]).groups is None
    assert np.abs(plate_evidence(np.zeros((30, 12)), groups).groups).max() < 1e-9


def test_sure_scores_do_not_overflow() -> None:
    scores = np.full((6, 8), -5000.0, np.float32)
    scores[np.arange(6), np.arange(6)] = 0.0
    evidence = plate_evidence(scores, GROUPS)
    assert np.isfinite(evidence.groups).all()
    assert evidence.groups.argmin() == 3


@given(st.integers(1, 4), st.integers(0, 2**32))
def test_all_finds_the_two_best_injective_maps(plates: int, seed: int) -> None:
    totals = np.random.default_rng(seed).random((plates, 4))
    gains = {
        groups: sum(totals[plate, group] for plate, group in enumerate(groups))
        for groups in permutations(range(4), plates)
    }
    (best, first), (_, second) = sorted(gains.items(), key=lambda item: -item[1])[:2]
    found = estimate(totals)
    assert found.groups == best
    assert found.margin == pytest.approx((first - second) / plates)


@given(st.integers(0, 2**32))
def test_cyclic_finds_the_best_rotation(seed: int) -> None:
    totals = np.random.default_rng(seed).random((4, 4))
    gains = [sum(totals[plate, (plate + turn) % 4] for plate in range(4)) for turn in range(4)]
    turn = int(np.argmax(gains))
    found = estimate(totals, "cyclic")
    assert found.groups == tuple((plate + turn) % 4 for plate in range(4))
    assert found.margin == pytest.approx((sorted(gains)[-1] - sorted(gains)[-2]) / 4)


@given(st.integers(0, 2**32), st.integers(2, 30))
def test_certainty_is_that_of_a_t_test_over_classes(seed: int, size: int) -> None:
    masses = np.random.default_rng(seed).random((2, 2, size))
    plates = [PlateEvidence(one.sum(axis=1), tuple(one), 2 * size) for one in masses]
    found = estimate_arrangement(plates, "cyclic", threshold=0.0)
    assert found.groups is not None
    first, second = found.groups
    leads = [masses[0, first] - masses[1, first], masses[1, second] - masses[0, second]]
    test = stats.ttest_1samp(np.concatenate(leads), 0.0, alternative="greater")
    assert found.certainty == pytest.approx(stats.norm.isf(test.pvalue), rel=1e-6)
    below = estimate_arrangement(plates, "cyclic", threshold=found.certainty * 1.01)
    assert below.groups is None
    assert (below.margin, below.certainty) == (found.margin, found.certainty)


def test_classes_on_the_same_plates_in_both_orders_do_not_count() -> None:
    masses = np.random.default_rng(1).random((3, 3, 20))
    plates = [PlateEvidence(one.sum(axis=1), tuple(one), 60) for one in masses]
    found = estimate_arrangement(plates, [(0, 1, 2), (1, 0, 2)], threshold=0.0)
    two = [PlateEvidence(one[:2].sum(axis=1), tuple(one[:2]), 90) for one in masses[:2]]
    assert found.certainty == pytest.approx(estimate_arrangement(two, "cyclic", threshold=0.0).certainty)


@pytest.mark.parametrize("spread", [0.0, 0.4])
def test_scores_that_say_nothing_are_believed_as_rarely_as_chance_has_it(spread: float) -> None:
    groups = tuple(frozenset(range(30 * group, 30 * group + 30)) for group in range(2))
    certain = []
    for seed in range(300):
        generator = np.random.default_rng(seed)
        scores = generator.normal(size=(2, 30, 60)) * np.exp(spread * generator.normal(size=(2, 1, 60)))
        scores += generator.normal(size=(2, 1, 60))
        found = estimate_arrangement([plate_evidence(plate, groups) for plate in scores], threshold=0.0)
        certain.append(found.certainty)
    assert 0.02 < np.mean(np.array(certain) > 1.96) < 0.09  # Of the better of two: 5 %.
    assert np.mean(np.array(certain) > THRESHOLD) < 0.03


def test_one_class_is_never_certain() -> None:
    plates = [PlateEvidence(np.array([0.9]), (np.array([0.9]),), 1)] * 2
    assert estimate_arrangement(plates, [(0, 0)], threshold=0.0).certainty == np.inf
    one = [PlateEvidence(np.array([0.9, 0.1]), (np.array([0.9]), np.array([])), 1)]
    found = estimate_arrangement(one, "cyclic", threshold=0.0)
    assert (found.groups, found.certainty) == ((0,), 0.0)
    assert estimate_arrangement(one, "cyclic").groups is None


def test_fewer_plates_than_groups_take_any_different_groups() -> None:
    mass = np.array([[0.0, 5, 4, 0], [0, 9, 0, 1]])
    assert estimate(mass, "cyclic").groups == (2, 1)
    listed = estimate(mass, [(0, 1, 2, 3), (3, 2, 1, 0)])
    assert listed.groups == (2, 1)


def test_more_plates_than_groups_go_on_turning() -> None:
    mass = np.zeros((5, 2))
    mass[:, 0] = [0, 1, 0, 1, 0]
    assert estimate(mass, "cyclic").groups == (1, 0, 1, 0, 1)
    balanced = estimate([[9, 0], [8, 0], [1, 0], [2, 0]])
    assert balanced.groups == (0, 0, 1, 1)
    assert balanced.margin == pytest.approx(6.0 / 4)


def test_a_single_possibility_leads_without_end() -> None:
    assert estimate(np.ones((1, 1))).certainty == np.inf
    assert estimate(np.ones((4, 4)), [(3, 1, 0, 2)]).groups == (3, 1, 0, 2)


def test_impossible_lists_are_named() -> None:
    with pytest.raises(AssignmentError, match="0 to 1"):
        estimate(np.ones((2, 2)), [(0, 2)])
    with pytest.raises(AssignmentError, match="X has 3 plates"):
        estimate_arrangement(plates_with(np.ones((3, 2))), [(0, 1)], place="X")
    with pytest.raises(AssignmentError, match="'rotations'"):
        estimate(np.ones((2, 2)), "rotations")  # type: ignore[arg-type]


def test_plates_are_numbered_as_people_number_them() -> None:
    plate = np.array(["10", "2", "1", "9"] * 2)
    held = {"1": 2, "2": 3, "9": 0, "10": 1}
    scores = np.zeros((8, 8))
    for row, name in enumerate(plate):
        scores[row, sorted(GROUPS[held[name]])[row // 4]] = 3.0
    found = find_plate_groups(scores, experiment=["A"] * 8, plate=plate, groups=GROUPS)
    assert found.arrangement["A"] == held
    assert found.of_row.tolist() == [held[name] for name in plate]


def test_an_unknown_experiment_is_not_restricted_and_does_not_harm_another() -> None:
    generator = np.random.default_rng(0)
    scores = generator.normal(scale=0.1, size=(16, 8))
    scores[np.arange(8, 16), np.arange(8)] = 9.0
    scores[:8, 0] = 0.5
    experiment, plate = ["A"] * 8 + ["B"] * 8, np.tile(np.repeat(["1", "2", "3", "4"], 2), 2)
    result = assign_plates(scores, experiment=experiment, plate=plate, groups=GROUPS)
    assert result.arrangement["A"] is None
    assert result.certainty["A"] < 2
    assert result.restricted[:8].tolist() == result.raw[:8].tolist() == [0] * 8
    assert result.arrangement["B"] == {"1": 0, "2": 1, "3": 2, "4": 3}


def test_known_arrangements_are_believed_and_checked() -> None:
    keys: dict[str, Any] = {"experiment": ["A", "A"], "plate": ["1", "2"], "groups": GROUPS}
    result = assign_plates(np.zeros((2, 8)), **keys, known={"A": {"1": 3, "2": 0}})
    assert result.labels.tolist() == [6, 0]
    assert result.margin["A"] == np.inf
    one = assign_plates(np.zeros((2, 8)), **keys, known={"A": {"1": 3, "2": -1}})
    assert one.restricted.tolist() == [6, 0]
    assert one.arrangement["A"] == {"1": 3, "2": -1}
    with pytest.raises(AssignmentError, match="experiment A says nothing of plate 2"):
        assign_plates(np.zeros((2, 8)), **keys, known={"A": {"1": 3}})
    with pytest.raises(AssignmentError, match="group 4 on plate 2"):
        assign_plates(np.zeros((2, 8)), **keys, known={"A": {"1": 3, "2": 4}})
