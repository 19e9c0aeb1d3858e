"""What `assign_plates` is asked wrongly: one message each, which names the place and what was found."""

from typing import Any

import numpy as np
import pytest

from deepnoise_core.contracts.errors import AssignmentError
from deepnoise_core.data.plates import assign_plates

SCORES = np.random.default_rng(0).normal(size=(6, 6))
PLACES: dict[str, Any] = {"experiment": ["A"] * 6, "plate": ["1", "1", "2", "2", "3", "3"]}
GROUPS: list[set[int]] = [{0, 1}, {2, 3}, {4, 5}]


def faulty(value: float) -> np.ndarray[Any, Any]:
    scores = SCORES.copy()
    scores[3, 2] = value
    return scores


SCORE_FAULTS: list[tuple[str, Any, str]] = [
    ("NaN", faulty(np.nan), "1 rows hold NaN or .inf, the first is row 3 on plate 2 of experiment A"),
    ("infinite", faulty(np.inf), "1 rows hold NaN or .inf, the first is row 3 on plate 2 of experiment A"),
    ("ragged", [[1, 2], [3]], "scores must be a table of numbers"),
    ("words", np.full((6, 6), "a"), "scores must be a table of numbers, .*not of <U1"),
    ("complex", SCORES + 1j, "scores must be a table of numbers, .*not of complex128"),
    ("one row", SCORES[0], r"found scores \(6,\), experiment \(6,\)"),
    ("no classes", SCORES[:, :0], "plate 1 of experiment A has 2 wells but only 0 places"),
    ("none allowed", np.full((6, 6), -np.inf), "plate 1 of experiment A has 2 wells but only 0 places"),
]


@pytest.mark.parametrize(
    ("scores", "message"), [row[1:] for row in SCORE_FAULTS], ids=[row[0] for row in SCORE_FAULTS]
)
def test_faulty_scores_are_named(scores: Any, message: str) -> None:
    with pytest.raises(AssignmentError, match=message):
        assign_plates(scores, **PLACES)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_faulty_scores_are_named_where_groups_are_sought(value: float) -> None:
    with pytest.raises(AssignmentError, match="the first is row 3 on plate 2 of experiment A"):
        assign_plates(faulty(value), **PLACES, groups=GROUPS)


FAULTS: list[tuple[str, dict[str, Any], str]] = [
    ("overlap", {"groups": [{0, 1, 2}, {2, 3}, {4, 5}]}, "class 2 is in group 0 and in group 1"),
    ("gap", {"groups": [{0, 1}, {2, 3}, {4}]}, "must cover the 6 classes .* 1 do not fit, the first is class 5"),
    ("beyond", {"groups": [{0, 1}, {2, 3}, {4, 5, 6}]}, "1 do not fit, the first is class 6"),
    ("negative", {"groups": [{0, 1}, {2, 3}, {4, 5, -1}]}, "1 do not fit, the first is class -1"),
    (
        "named classes",
        {"groups": [{"a"}, {"b"}]},
        "must be sets of class indices, whole numbers; group 0 is {'a'}",
    ),
    ("flat groups", {"groups": [0, 1, 2]}, "must be sets of class indices, whole numbers; group 0 is 0"),
    ("full plate", {"plate": ["1"] * 6, "threshold": 0}, "plate 1 of experiment A has 6 wells but only 2 places"),
    ("nobody's plate", {"plate": [1, 1, 2, 2, 3, np.nan]}, "1 rows have no plate, the first is row 5"),
    ("no experiment", {"experiment": [None] * 6}, "6 rows have no experiment, the first is row 0"),
    ("too few names", {"experiment": ["A"] * 5}, r"found scores \(6, 6\), experiment \(5,\), plate \(6,\)"),
    ("well twice", {"well": [*"abccde"]}, "well c of plate 2 .* comes twice, in rows 2 and 3; merge"),
    ("unknown word", {"arrangements": "cycle"}, "arrangements must be cyclic, all or a list, not 'cycle'"),
    (
        "short list",
        {"arrangements": [(0, 1)]},
        "experiment A has 3 plates, more than any listed arrangement covers",
    ),
    ("flat list", {"arrangements": [0, 1, 2]}, "each arrangement must be a list of numbers of groups, not 0"),
    ("list of others", {"arrangements": [(0, 1, 3)]}, "must name groups by their numbers, 0 to 2"),
    ("threshold NaN", {"threshold": np.nan}, "threshold must be a number of standard errors, 0 or more, not nan"),
    ("threshold below 0", {"threshold": -1}, "threshold must be a number of standard errors, 0 or more, not -1"),
    ("evidence", {"evidence": "masses"}, "evidence must be mass or likelihood, not 'masses'"),
    ("half known", {"known": {"A": {"1": 0}}}, "known arrangement of experiment A says nothing of plate 2"),
    (
        "known group 7",
        {"known": {"A": {"1": 0, "2": 1, "3": 7}}},
        "puts group 7 on plate 3, but groups are .* 0 to 2",
    ),
    ("known alone", {"groups": None, "known": {"A": {}}}, "says which group a plate holds; give the groups too"),
    ("no capacity", {"capacity": 0}, "plate 1 of experiment A has 2 wells but only 0 places"),
    ("half a capacity", {"capacity": 1.5}, "must be one whole number, or one for each of the 6 classes"),
    ("capacity of few", {"capacity": [1, 2]}, "must be one whole number, or one for each of the 6 classes"),
    (
        "capacity of one",
        {"capacity": {"1": 1}},
        r"no capacity is given for plate 2 .*; give it for each plate, by \('A'",
    ),
    ("unassigned NaN", {"unassigned_score": np.nan}, "the unassigned score must be a finite number, not nan"),
]


@pytest.mark.parametrize(("given", "message"), [row[1:] for row in FAULTS], ids=[row[0] for row in FAULTS])
def test_faulty_arguments_are_named(given: dict[str, Any], message: str) -> None:
    arguments = {**PLACES, "groups": GROUPS, **given}
    with pytest.raises(AssignmentError, match=message):
        assign_plates(SCORES, **arguments)


def test_groups_may_be_an_array_and_scores_whole_numbers() -> None:
    whole = np.round(10 * SCORES).astype(np.int64)
    one = assign_plates(whole, **PLACES, groups=np.array([[0, 1], [2, 3], [4, 5]]), threshold=0)  # type: ignore[arg-type]
    two = assign_plates(whole.astype(np.float64), **PLACES, groups=GROUPS, threshold=0)
    assert one.labels.tolist() == two.labels.tolist()
    assert one.arrangement == two.arrangement


@pytest.mark.parametrize("plates", [1, 2, 3, 5, 7])
def test_any_number_of_plates_is_assigned_in_groups(plates: int) -> None:
    scores = np.random.default_rng(plates).normal(size=(2 * plates, 6))
    plate = np.repeat(np.arange(plates), 2)
    found = assign_plates(scores, experiment=["A"] * len(plate), plate=plate, groups=GROUPS, threshold=0)
    held = found.arrangement["A"]
    assert held is not None
    assert len(set(held.values())) == min(plates, 3)
    for label, name in zip(found.labels.tolist(), plate.astype(str), strict=True):
        assert label in GROUPS[held[name]]
    assert not assign_plates(scores[:0], experiment=[], plate=[], groups=GROUPS).arrangement
