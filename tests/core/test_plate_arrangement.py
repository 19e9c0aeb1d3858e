"""Arrangements against all that are allowed, and evidence against its formula."""

import warnings
from itertools import permutations
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from deepnoise_core.contracts.errors import AssignmentError
from deepnoise_core.data.plates import (
    ArrangementEstimate,
    Arrangements,
    assign_plates,
    estimate_arrangement,
    find_plate_groups,
    group_evidence,
)

GROUPS = tuple(frozenset({2 * g, 2 * g + 1}) for g in range(4))
NEVER = -np.inf


def estimate(totals: ArrayLike, arrangements: Arrangements = "all") -> ArrangementEstimate:
    """The best arrangement of plates of one well each."""
    return estimate_arrangement([row[None] for row in np.asarray(totals, float)], arrangements, threshold=0.0)


@given(st.integers(0, 2**32), st.booleans())
def test_evidence_is_softmax_of_what_the_plate_does_not_explain(seed: int, some_excluded: bool) -> None:
    generator = np.random.default_rng(seed)
    scores = generator.normal(scale=3, size=(5, 8))
    if some_excluded:
        scores[generator.random((5, 8)) < 0.3] = NEVER
        scores[1] = NEVER
    wanted = np.zeros((5, 4))
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
    for row in range(5):
        for number, group in enumerate(GROUPS):
            wanted[row, number] = np.nansum(np.exp(left[row, sorted(group)]))
    wanted /= np.maximum(wanted.sum(axis=1, keepdims=True), 1e-300)
    np.testing.assert_allclose(group_evidence(scores, GROUPS), wanted, atol=1e-12)
    logs = group_evidence(scores, GROUPS, "likelihood")
    heard = wanted.sum(axis=1) > 0
    np.testing.assert_allclose(logs[heard], np.log(np.maximum(wanted[heard], 1e-12)), atol=1e-9)
    assert not logs[~heard].any()


@given(st.integers(0, 2**32))
def test_evidence_heeds_no_offset_or_temperature_of_wells(seed: int) -> None:
    generator = np.random.default_rng(seed)
    scores = generator.normal(size=(30, 8))
    plain = group_evidence(scores, GROUPS)
    moved = scores * np.exp(generator.normal(size=(30, 1))) + generator.normal(size=(30, 1))
    np.testing.assert_allclose(group_evidence(moved, GROUPS), plain)


@given(st.integers(0, 2**32), st.floats(1.0, 20.0))
def test_what_a_plate_does_to_classes_is_no_evidence(seed: int, strength: float) -> None:
    generator = np.random.default_rng(seed)
    bias = strength * generator.normal(size=8)
    for noise in (0.0, 1e-9):
        scores = bias + noise * generator.normal(size=(40, 8))
        for dtype in (np.float32, np.float64):
            evidence = [group_evidence(scores.astype(dtype), GROUPS)] * 4
            assert estimate_arrangement(evidence).groups is None


def test_sure_scores_do_not_overflow() -> None:
    scores = np.full((6, 8), -5000.0, np.float32)
    scores[np.arange(6), np.arange(6)] = 0.0
    evidence = group_evidence(scores, GROUPS)
    assert evidence.argmax(axis=1).tolist() == [0, 0, 1, 1, 2, 2]
    assert np.isfinite(evidence).all()


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
def test_certainty_is_that_of_a_t_test(seed: int, wells: int) -> None:
    evidence: list[NDArray[np.float64]] = list(np.random.default_rng(seed).random((2, wells, 2)))
    found = estimate_arrangement(evidence, "cyclic", threshold=0.0)
    assert found.groups is not None
    leads = np.concatenate(
        [one[:, group] - one[:, 1 - group] for one, group in zip(evidence, found.groups, strict=True)]
    )
    test = stats.ttest_1samp(leads, 0.0, alternative="greater")
    assert found.certainty == pytest.approx(stats.norm.isf(test.pvalue), rel=1e-6)
    below = estimate_arrangement(evidence, "cyclic", threshold=found.certainty * 1.01)
    assert below.groups is None
    assert (below.margin, below.certainty) == (found.margin, found.certainty)


def test_one_well_is_never_certain() -> None:
    found = estimate_arrangement([np.array([[0.9, 0.1]])], "cyclic", threshold=0.0)
    assert (found.groups, found.certainty) == ((0,), 0.0)
    assert estimate_arrangement([np.array([[0.9, 0.1]])], "cyclic").groups is None


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
        estimate_arrangement([np.ones((1, 2))] * 3, [(0, 1)], place="X")
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
