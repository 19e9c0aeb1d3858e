from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from pydantic import ValidationError

from deepnoise_core.contracts import UNASSIGNED, PlateDesign, Predictions, Stage
from deepnoise_core.contracts.errors import AssignmentError, PredictionsError
from deepnoise_plugins.plates import deepnoise_postprocessors
from deepnoise_plugins.plates.options import BalancedOptions, GroupOptions, SiteMeanOptions
from deepnoise_plugins.plates.plate_balanced import PlateBalanced
from deepnoise_plugins.plates.plate_group import PlateGroup
from deepnoise_plugins.plates.site_mean import SiteMean

GROUPS = (frozenset({0, 1, 2}), frozenset({3, 4, 5}))
DESIGN = PlateDesign(GROUPS, exclusive=True)
STEPS = ["site-mean", "plate-group", "plate-balanced"]
HELD = {("A", "1"): 0, ("A", "2"): 1, ("B", "1"): 1, ("B", "2"): 0}


def wells(lead: float = 2.0, seed: int = 0, noise: float = 1.0) -> tuple[Predictions, NDArray[np.int64]]:
    """Two experiments of two full plates in random order, and the true classes."""
    generator = np.random.default_rng(seed)
    rows = [(*place, label) for place, group in HELD.items() for label in GROUPS[group]]
    rows = [rows[index] for index in generator.permutation(len(rows))]
    experiment, plate, labels = (np.array(column) for column in zip(*rows, strict=True))
    scores = noise * generator.normal(size=(len(rows), 6))
    scores[np.arange(len(rows)), labels] += lead
    predictions = Predictions(
        ids={
            "experiment": experiment.astype(object),
            "plate": plate.astype(object),
            "role": np.full(len(rows), "treatment", dtype=object),
            "well_id": np.array([f"w{row}" for row in range(len(rows))], dtype=object),
        },
        classes=tuple("abcdef"),
        scores=scores.astype(np.float32),
        embeddings=np.zeros((len(rows), 2), np.float32),
        transductive=("plate statistics",),
    )
    return predictions, labels


def test_three_steps_are_offered_in_their_order() -> None:
    names = [component.name for component in deepnoise_postprocessors()]
    assert [name for name in names if name in STEPS] == STEPS


def test_steps_give_stages_with_their_sources() -> None:
    predictions, _ = wells(lead=9.0)
    merged = SiteMean(SiteMeanOptions())(predictions, DESIGN)
    grouped = PlateGroup(GroupOptions())(merged, DESIGN)
    assigned = PlateBalanced(BalancedOptions())(grouped, DESIGN)
    assert list(assigned.stages) == [Stage.RAW, Stage.GROUP, Stage.ASSIGNED]
    assert assigned.transductive == ("plate statistics", "plate group", "plate assignment")
    np.testing.assert_array_equal(assigned.ids["well_id"], predictions.ids["well_id"])
    np.testing.assert_array_equal(assigned.unrestricted, predictions.scores)
    held = np.array([HELD[place] for place in zip(*_places(predictions), strict=True)])
    np.testing.assert_array_equal(grouped.facts["plate_group"], held)
    assert set(grouped.facts["arrangement"][predictions.ids["experiment"] == "B"]) == {"1-0"}
    assert (grouped.facts["arrangement_margin"] > 0.1).all()
    assert (grouped.facts["arrangement_certainty"] > 3.0).all()
    inside = np.array([[label in GROUPS[group] for label in range(6)] for group in held])
    np.testing.assert_array_equal(np.isfinite(grouped.scores), inside)
    np.testing.assert_array_equal(grouped.scores[inside], predictions.scores[inside])


def test_each_step_names_more_wells_rightly() -> None:
    hits = np.zeros(3)
    for seed in range(30):
        predictions, labels = wells(seed=seed)
        for step in (PlateGroup(GroupOptions(threshold=0.0)), PlateBalanced(BalancedOptions())):
            predictions = step(predictions, DESIGN)
        hits += [(predictions.stages[stage] == labels).sum() for stage in Stage]
    assert hits[0] < hits[1] < hits[2]


def _places(predictions: Predictions) -> tuple[NDArray[Any], NDArray[Any]]:
    return predictions.ids["experiment"], predictions.ids["plate"]


@given(st.integers(0, 2**32))
def test_each_class_comes_once_a_plate(seed: int) -> None:
    predictions, _ = wells(lead=1.0, seed=seed)
    grouped = PlateGroup(GroupOptions(threshold=0.0))(predictions, DESIGN)
    labels = PlateBalanced(BalancedOptions())(grouped, DESIGN).stages[Stage.ASSIGNED]
    experiment, plate = _places(predictions)
    for place in HELD:
        own = labels[(experiment == place[0]) & (plate == place[1])]
        assert frozenset(own.tolist()) in GROUPS


def test_the_raw_labels_stay_where_plates_tell_nothing() -> None:
    predictions, _ = wells()
    for design, note in (
        (PlateDesign(), "show no groups"),
        (replace(DESIGN, cyclic=False), "arrangements to all"),
        (PlateDesign((frozenset({0, 1}), frozenset({2, 3, 4}))), "1 classes are on no training plate"),
    ):
        result = PlateGroup(GroupOptions())(predictions, design)
        np.testing.assert_array_equal(result.stages[Stage.GROUP], result.stages[Stage.RAW])
        np.testing.assert_array_equal(result.scores, predictions.scores)
        assert result.transductive == predictions.transductive
        assert note in result.notes[-1]
    anyhow = PlateGroup(GroupOptions(arrangements="all", threshold=0.0))(
        predictions, replace(DESIGN, cyclic=False)
    )
    assert "plate group" in anyhow.transductive


def test_an_unclear_experiment_is_named_and_stays() -> None:
    predictions, _ = wells(lead=4.0, noise=0.1)
    unclear = predictions.ids["experiment"] == "B"
    predictions.scores[unclear] = np.linspace(0, 1e-6, 6, dtype=np.float32)
    result = PlateGroup(GroupOptions())(predictions, DESIGN)
    np.testing.assert_array_equal(result.stages[Stage.GROUP][unclear], result.stages[Stage.RAW][unclear])
    assert set(result.facts["arrangement"][unclear]) == {"unknown"}
    assert set(result.facts["plate_group"][unclear]) == {-1}
    assert set(result.facts["arrangement"][~unclear]) == {"0-1"}
    assert [note.split(":")[0] for note in result.notes] == ["experiment B"]


def test_listed_orders_are_the_only_ones() -> None:
    predictions, _ = wells(lead=4.0)
    result = PlateGroup(GroupOptions(arrangements=((0, 1),)))(predictions, DESIGN)
    assert set(result.facts["arrangement"]) == {"0-1"}


def test_classes_that_repeat_are_not_assigned_one_to_one() -> None:
    predictions, _ = wells(lead=0.0)
    grouped = PlateGroup(GroupOptions(threshold=0.0))(predictions, DESIGN)
    loose = replace(DESIGN, exclusive=False)
    result = PlateBalanced(BalancedOptions())(grouped, loose)
    np.testing.assert_array_equal(result.stages[Stage.ASSIGNED], grouped.stages[Stage.GROUP])
    assert "one-to-one assignment does not apply" in result.notes[-1]
    assert result.transductive == grouped.transductive
    twice = PlateBalanced(BalancedOptions(capacity=2))(grouped, loose)
    assert "plate assignment" in twice.transductive


def test_the_design_says_how_often_a_class_comes_and_of_which_wells() -> None:
    predictions, _ = wells()
    scores = np.tile(np.array([3.0, 1.0, 0, 0, 0, 0], np.float32), (len(predictions), 1))
    alike = replace(predictions, scores=scores)
    twice = PlateBalanced(BalancedOptions())(alike, PlateDesign(capacity=(2, 1, 0, 0, 0, 0)))
    assert sorted(twice.stages[Stage.ASSIGNED].tolist()) == [0] * 8 + [1] * 4
    roles = np.full(len(predictions), "negative_control", dtype=object)
    roles[[0, 5]] = "treatment"
    bound = PlateDesign(GROUPS, exclusive=True, roles=("treatment",))
    some = replace(alike, ids={**alike.ids, "role": roles})
    free = np.flatnonzero(roles != "treatment")
    grouped = PlateGroup(GroupOptions(threshold=0.0))(some, bound)
    assert (grouped.facts["plate_group"][free] == -1).all()
    assert (grouped.stages[Stage.GROUP][free] == 0).all()
    assert (PlateBalanced(BalancedOptions())(some, bound).stages[Stage.ASSIGNED][free] == 0).all()


def test_a_screen_can_tell_what_its_plates_hold() -> None:
    predictions, _ = wells(lead=0.0)
    told = replace(DESIGN, cyclic=False, known={"A": {"1": 0, "2": 1}, "B": {"1": 1, "2": -1}})
    result = PlateGroup(GroupOptions())(predictions, told)
    held = {**HELD, ("B", "2"): -1}
    assert result.facts["plate_group"].tolist() == [
        held[place] for place in zip(*_places(predictions), strict=True)
    ]
    unknown = result.facts["plate_group"] == -1
    np.testing.assert_array_equal(result.scores[unknown], predictions.scores[unknown])
    assert result.notes[-1].startswith(
        "plate 2 of experiment B holds a set of classes that is on no training plate"
    )


def test_a_well_that_comes_twice_is_named() -> None:
    predictions, _ = wells()
    names = predictions.ids["well_id"].copy()
    places = list(zip(*_places(predictions), strict=True))
    second = places.index(places[0], 1)
    names[second] = names[0]
    twice = replace(predictions, ids={**predictions.ids, "well_id": names})
    for step in (PlateGroup(GroupOptions()), PlateBalanced(BalancedOptions())):
        with pytest.raises(AssignmentError, match=f"well w0 of plate .* comes twice, in rows 0 and {second}"):
            step(twice, DESIGN)


def test_a_crowded_plate_is_named_or_leaves_wells_out() -> None:
    predictions, _ = wells()
    crowded = replace(
        predictions,
        ids={
            **predictions.ids,
            "plate": np.array(["1"] * 12, object),
            "experiment": np.array(["A"] * 12, object),
        },
    )
    with pytest.raises(AssignmentError, match="plate 1 of experiment A has 12 wells but only 6"):
        PlateBalanced(BalancedOptions())(crowded, DESIGN)
    result = PlateBalanced(BalancedOptions(unassigned_score=-50.0))(crowded, DESIGN)
    assert (result.stages[Stage.ASSIGNED] == UNASSIGNED).sum() == 6


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_scores_that_are_no_numbers_are_named(value: float) -> None:
    predictions, _ = wells()
    predictions.scores[3, 2] = value
    with pytest.raises(AssignmentError, match="row 3"):
        PlateGroup(GroupOptions())(predictions, DESIGN)


def test_sites_are_refused_by_plate_steps() -> None:
    predictions, _ = wells()
    sites = replace(predictions, ids={**predictions.ids, "site_id": predictions.ids["well_id"]})
    for step in (PlateGroup(GroupOptions()), PlateBalanced(BalancedOptions())):
        with pytest.raises(PredictionsError, match="put site-mean before it"):
            step(sites, DESIGN)
    assert not SiteMean(SiteMeanOptions())(sites, DESIGN).per_site


def test_nothing_gives_nothing() -> None:
    predictions, _ = wells()
    empty = replace(
        predictions,
        ids={name: column[:0] for name, column in predictions.ids.items()},
        scores=predictions.scores[:0],
        embeddings=None,
    )
    for step in (SiteMean(SiteMeanOptions()), PlateGroup(GroupOptions()), PlateBalanced(BalancedOptions())):
        empty = step(empty, DESIGN)
    assert [len(labels) for labels in empty.stages.values()] == [0, 0, 0]


def test_options_refuse_what_has_no_meaning() -> None:
    for faulty in ({"arrangements": "some"}, {"threshold": -1.0}, {"arrangements": [[-1]]}, {"other": 1}):
        with pytest.raises(ValidationError):
            GroupOptions.model_validate(faulty)
    for faulty in ({"capacity": 0}, {"unassigned_score": float("nan")}):
        with pytest.raises(ValidationError):
            BalancedOptions.model_validate(faulty)
