"""The two other ways to assign: multipliers as DeepNoise's code had them, and soft assignment."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import logsumexp

from deepnoise_core.contracts import UNASSIGNED, PlateDesign, Predictions, Stage
from deepnoise_core.contracts.errors import AssignmentError, PredictionsError
from deepnoise_core.contracts.protocols import PostProcessor
from deepnoise_core.data.scores import confidence, log_probabilities
from deepnoise_plugins.plates.class_balanced import ClassBalanced
from deepnoise_plugins.plates.options import (
    BalancedOptions,
    ClassBalancedOptions,
    GroupOptions,
    TransportOptions,
)
from deepnoise_plugins.plates.plate_balanced import PlateBalanced
from deepnoise_plugins.plates.plate_group import PlateGroup
from deepnoise_plugins.plates.plate_transport import PlateTransport

SIZE = 12
GROUPS = (frozenset(range(SIZE)), frozenset(range(SIZE, 2 * SIZE)))
DESIGN = PlateDesign(GROUPS, exclusive=True)
QUICK = ClassBalancedOptions(rounds=300)
WAYS = (ClassBalanced(QUICK), PlateTransport(TransportOptions()))


def wells(
    lead: float = 3.0, seed: int = 0, temperature: float | None = None
) -> tuple[Predictions, NDArray[np.int64]]:
    """One experiment of two full plates in random order, and the true classes."""
    generator = np.random.default_rng(seed)
    labels = generator.permutation(2 * SIZE)
    scores = generator.normal(size=(len(labels), 2 * SIZE))
    scores[np.arange(len(labels)), labels] += lead
    ids = {
        "experiment": ["A"] * len(labels),
        "plate": [str(label // SIZE + 1) for label in labels],
        "well_id": [f"w{label}" for label in labels],
        "role": ["treatment"] * len(labels),
    }
    columns = {name: np.array(values, dtype=object) for name, values in ids.items()}
    classes = tuple(f"p{number}" for number in range(2 * SIZE))
    return Predictions(columns, classes, scores.astype(np.float32), temperature=temperature), labels


@pytest.mark.parametrize(
    ("way", "source"), list(zip(WAYS, ("class balancing", "soft plate assignment"), strict=True))
)
def test_each_is_a_stage_of_its_own_source_and_right_more_often(way: PostProcessor, source: str) -> None:
    hits = np.zeros(2)
    for seed in range(12):
        predictions, labels = wells(2.5, seed)
        grouped = PlateGroup(GroupOptions())(predictions, DESIGN)
        made = way(grouped, DESIGN)
        assert made.transductive[-1] == source
        changed = int((made.stages[Stage.ASSIGNED] != made.stages[Stage.GROUP]).sum())
        assert made.notes[-1] == f"{source} changed {changed} of {2 * SIZE} labels"
        hits += [(made.stages[stage] == labels).sum() for stage in (Stage.GROUP, Stage.ASSIGNED)]
        assert np.isfinite(grouped.scores[np.arange(2 * SIZE), made.stages[Stage.ASSIGNED]]).all()
    assert hits[1] > hits[0]


@pytest.mark.parametrize("way", WAYS)
def test_sites_are_refused_and_so_are_scores_that_are_no_numbers(way: PostProcessor) -> None:
    predictions, _ = wells()
    sites = replace(predictions, ids={**predictions.ids, "site_id": predictions.ids["well_id"]})
    with pytest.raises(PredictionsError, match="put site-mean before it"):
        way(sites, DESIGN)
    predictions.scores[3, 2] = np.nan
    with pytest.raises(AssignmentError, match=f"row 3 on plate {predictions.ids['plate'][3]} of experiment A"):
        way(predictions, DESIGN)


@pytest.mark.parametrize(
    ("way", "step"), list(zip(WAYS, ("evening out classes", "soft assignment"), strict=True))
)
def test_labels_stay_where_classes_repeat(way: PostProcessor, step: str) -> None:
    predictions, _ = wells()
    made = way(predictions, PlateDesign())
    np.testing.assert_array_equal(made.stages[Stage.ASSIGNED], made.stages[Stage.RAW])
    np.testing.assert_array_equal(made.scores, predictions.scores)
    assert made.notes == (f"classes repeat on training plates, so {step} does not apply",)
    assert made.transductive == ()


@pytest.mark.parametrize("way", WAYS)
def test_wells_that_the_design_does_not_bind_stay(way: PostProcessor) -> None:
    predictions, _ = wells(1.0)
    free = np.arange(2 * SIZE) % 3 == 0
    predictions.ids["role"][free] = "positive_control"
    made = way(predictions, replace(DESIGN, roles=("treatment",)))
    np.testing.assert_array_equal(made.stages[Stage.ASSIGNED][free], made.stages[Stage.RAW][free])
    np.testing.assert_array_equal(made.scores[free], predictions.scores[free])
    assert made.transductive


@pytest.mark.parametrize("temperature", [None, 0.4])
def test_probabilities_of_the_soft_assignment_are_read_from_scores(temperature: float | None) -> None:
    predictions, _ = wells(2.0, temperature=temperature)
    made = PlateTransport(TransportOptions())(PlateGroup(GroupOptions())(predictions, DESIGN), DESIGN)
    logs = made.scores / (temperature or 1.0)
    np.testing.assert_allclose(logsumexp(logs, axis=1), 0, atol=1e-5)
    for plate in ("1", "2"):
        assert np.exp(logs[predictions.ids["plate"] == plate]).sum(axis=0).max() < 1 + 2e-4
    np.testing.assert_allclose(made.facts["assigned_confidence"], np.exp(logs.max(axis=1)), rtol=1e-5)
    np.testing.assert_array_equal(logs.argmax(axis=1), made.stages[Stage.ASSIGNED])
    np.testing.assert_array_equal(made.unrestricted, predictions.scores)
    np.testing.assert_array_equal(confidence(made), confidence(predictions))


def test_a_temperature_that_is_given_goes_before_the_fitted_one() -> None:
    predictions, _ = wells(2.0, temperature=0.4)
    made = PlateTransport(TransportOptions(temperature=2.0))(predictions, DESIGN)
    halved = replace(predictions, scores=predictions.scores / np.float32(2), temperature=None)
    plain = PlateTransport(TransportOptions())(halved, DESIGN)
    np.testing.assert_allclose(made.scores / 0.4, plain.scores, atol=1e-3)


def test_one_class_a_well_comes_of_linear_assignment_after_it() -> None:
    for seed in range(5):
        grouped = PlateGroup(GroupOptions())(wells(1.5, seed)[0], DESIGN)
        alone = PlateBalanced(BalancedOptions())(grouped, DESIGN)
        for entropy in ("bethe", "shannon"):
            soft = PlateTransport(TransportOptions(entropy=entropy))(grouped, DESIGN)
            both = PlateBalanced(BalancedOptions())(soft, DESIGN)
            labels = both.stages[Stage.ASSIGNED]
            assert max(np.bincount(labels[both.ids["plate"] == plate]).max() for plate in ("1", "2")) == 1
            if entropy == "shannon":  # One number a class changes no linear assignment of a full plate.
                np.testing.assert_array_equal(labels, alone.stages[Stage.ASSIGNED])


def test_wells_may_stay_unassigned() -> None:
    predictions, _ = wells(4.0)
    predictions.scores[5] = 0.0
    made = PlateTransport(TransportOptions(unassigned_score=-1.0))(predictions, DESIGN)
    assert made.stages[Stage.ASSIGNED][5] == UNASSIGNED
    assert (made.stages[Stage.ASSIGNED] != UNASSIGNED).sum() > SIZE
    assert log_probabilities(made.scores[5:6]).max() < np.log(made.facts["assigned_confidence"][5])


def test_too_many_wells_are_an_error_that_names_the_plate() -> None:
    predictions, _ = wells()
    predictions.ids["plate"][:] = "9"
    design = PlateDesign(exclusive=True)
    narrow = replace(predictions, scores=predictions.scores[:, :SIZE], classes=predictions.classes[:SIZE])
    with pytest.raises(AssignmentError, match=f"plate 9 of experiment A has 24 wells but only {SIZE} places"):
        PlateTransport(TransportOptions())(narrow, design)
    twice = PlateTransport(TransportOptions(capacity=2))(narrow, design)
    assert np.bincount(twice.stages[Stage.ASSIGNED]).sum() == 2 * SIZE


def test_what_stops_early_is_noted() -> None:
    predictions, _ = wells(1.0)
    made = PlateTransport(TransportOptions(iterations=1, temperature=0.05))(predictions, DESIGN)
    assert [note.split(":")[0] for note in made.notes[:-1]] == [
        "plate 1 of experiment A",
        "plate 2 of experiment A",
    ]
    assert "wells were unsettled" in made.notes[0]
