"""Signal and noise of embeddings whose content is known, and of the table of sanity anchors."""

import json
import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from deepnoise_core.contracts.errors import PredictionsError
from deepnoise_core.evaluation.disentanglement import Disentanglement, Factors, anchors, measure
from deepnoise_core.evaluation.disentanglement.resampling import sample_experiments

CLASSES, BATCHES, REPLICATES, DIM = 30, 6, 2, 32
CLASS = np.repeat(np.arange(CLASSES), BATCHES * REPLICATES)
BATCH = np.tile(np.repeat(np.arange(BATCHES), REPLICATES), CLASSES)

FIGURES = (
    "perturbation_probe",
    "experiment_probe",
    "neighbour_any",
    "neighbour_nsb",
    "retrieval_map",
    "component_regression",
    "perturbation_r2",
    "ilisi",
    "kbet",
    "batch_silhouette",
    "label_silhouette",
)
# Measured on these very draws by scikit-learn's discriminants, nearest neighbours and silhouettes.
TABLE = {
    "random": (0.053, 0.186, 0.047, 0.053, 0.045, 0.015, 0.085, 0.834, 0.939, 0.887, 0.470),
    "perfect signal": (1.0, 0.169, 1.0, 1.0, 1.0, 0.0, 0.996, 0.969, 1.0, 0.897, 0.958),
    "pure batch": (0.033, 1.0, 0.025, 0.031, 0.025, 0.994, 0.001, 0.0, 0.0, 0.077, 0.459),
    "signal and batch": (0.936, 0.986, 0.983, 0.936, 0.315, 0.349, 0.477, 0.146, 0.003, 0.632, 0.567),
    "weak signal": (0.108, 1.0, 0.158, 0.083, 0.028, 0.856, 0.048, 0.0, 0.0, 0.354, 0.464),
    "batch means removed": (0.689, 0.0, 0.417, 0.411, 0.275, 0.0, 0.314, 0.884, 0.986, 0.888, 0.514),
    "constant": (0.039, 0.181, 0.022, 0.025, 0.129, 0.015, 0.086, 0.939, 1.0, 0.684, 0.136),
}
STRENGTHS = {
    "random": (0.0, 0.0, 1.0),
    "perfect signal": (3.0, 0.0, 0.2),
    "pure batch": (0.0, 3.0, 0.2),
    "signal and batch": (1.5, 1.5, 1.0),
    "weak signal": (0.6, 3.0, 1.0),
    "batch means removed": (0.6, 3.0, 1.0),
    "constant": (0.0, 0.0, 1e-12),
}
# With everything tied, order must decide nothing: retrieval is at its null, where ties sorted with positives
# first give thrice as much, neighbourhoods are any 30 wells, and exact distances make the rest that of random.
TIED = {
    "experiment_probe": 0.186,
    "retrieval_map": 0.043,
    "ilisi": 0.834,
    "batch_silhouette": 0.887,
    "label_silhouette": 0.470,
}


def without_batch_means(values: NDArray[np.float64], batch: NDArray[np.int64]) -> NDArray[np.float64]:
    means = np.stack([values[batch == one].mean(axis=0) for one in range(batch.max() + 1)])
    centred: NDArray[np.float64] = values - means[batch]
    return centred


def sanity_embeddings(seed: int = 0) -> dict[str, NDArray[np.float64]]:
    """The embeddings of the table, in its order of draws; those of the table itself are of seed 0."""
    random = np.random.default_rng(seed)
    made = {}
    for name, (signal, noise, spread) in STRENGTHS.items():
        classes, batches = random.normal(size=(CLASSES, DIM)), random.normal(size=(BATCHES, DIM))
        own = spread * random.normal(size=(len(CLASS), DIM))
        made[name] = signal * classes[CLASS] + noise * batches[BATCH] + own
    made["batch means removed"] = without_batch_means(made["batch means removed"], BATCH)
    made["constant"] += 1.0
    return made


def factors() -> Factors:
    position = np.empty(len(CLASS), dtype=np.int64)
    for batch in range(BATCHES):
        position[batch == BATCH] = np.random.default_rng(batch).permutation(60)
    plate = position % 2
    return Factors(CLASS, BATCH, plate, np.array([f"W{one}" for one in position // 2]))


@pytest.fixture(scope="module")
def measured() -> dict[str, Disentanglement]:
    return {name: measure(values, factors(), seed=1) for name, values in sanity_embeddings().items()}


@pytest.mark.parametrize("name", TABLE)
def test_sanity_table_is_reproduced(name: str, measured: dict[str, Disentanglement]) -> None:
    expected = dict(zip(FIGURES, TABLE[name], strict=True)) | (TIED if name == "constant" else {})
    found = {figure: measured[name].figures[figure].value for figure in FIGURES}
    assert found == pytest.approx(expected, abs=0.03)


def test_nulls_and_ideals_stand_beside_the_figures(measured: dict[str, Disentanglement]) -> None:
    figures = measured["random"].figures
    nulls = {
        "perturbation_probe": 1 / 30,
        "experiment_probe": 1 / 6,
        "plate_probe": 1 / 12,
        "retrieval_map": 0.043,
        "perturbation_r2": 29 / 359,
        "experiment_r2": 5 / 359,
        "component_regression": 0.0,
    }
    assert {name: figures[name].null for name in nulls} == pytest.approx(nulls, abs=5e-4)
    assert figures["kbet"].null == pytest.approx(0.95, abs=0.03)
    assert figures["ilisi"].null == pytest.approx(figures["ilisi"].value, abs=0.03)
    for name in ("label_silhouette", "batch_silhouette"):
        assert figures[name].null == pytest.approx(figures[name].value, abs=0.03)
    assert figures["experiment_probe"].ideal == figures["experiment_probe"].null
    assert {figure.axis for figure in figures.values()} == {"signal", "noise"}


def test_intervals_hold_the_values_and_the_null_of_what_is_random(measured: dict[str, Disentanglement]) -> None:
    for name, one in measured["signal and batch"].figures.items():
        assert one.low - 1e-9 <= one.value <= one.high + 1e-9, name
    random = measured["random"].figures
    assert sum(figure.beyond_null for figure in random.values()) <= 5


def test_centring_is_reported_on_both_sides_of_chance(measured: dict[str, Disentanglement]) -> None:
    one = measured["batch means removed"]
    assert one.figures["experiment_probe"].excess == pytest.approx(-0.2)
    assert one.figures["experiment_probe"].beyond_null
    assert any("below chance: experiment_probe" in note for note in one.notes)


def test_the_axes_separate_what_is_known(measured: dict[str, Disentanglement]) -> None:
    assert measured["perfect signal"].signal == pytest.approx(1.0)
    assert abs(measured["perfect signal"].noise) < 0.1
    assert measured["pure batch"].noise == pytest.approx(1.0)
    assert abs(measured["pure batch"].signal) < 0.1
    assert 0 < measured["signal and batch"].effective_rank < DIM


def test_anchors_are_measured_as_embeddings_are() -> None:
    found = anchors(factors(), dim=16, seed=3)
    assert list(found) == ["random", "pure signal", "pure batch", "constant"]
    assert found["pure signal"].signal == pytest.approx(1.0)
    assert found["pure batch"].noise == pytest.approx(1.0)
    constant = found["constant"]
    assert constant.effective_rank == 0.0
    assert constant.ties == 1.0
    assert any("tied" in note for note in constant.notes)
    for name in ("perturbation_probe", "retrieval_map", "neighbour_nsb", "experiment_probe", "plate_neighbour"):
        figure = constant.figures[name]
        assert figure.value == pytest.approx(figure.null, abs=0.01), name


def test_shifts_change_no_figure_but_those_by_angles() -> None:
    values = sanity_embeddings()["signal and batch"]
    base, moved = values_of(measure(values, factors())), values_of(measure(values + 0.5, factors()))
    by_angle = {
        "retrieval_map",
        "fraction_retrieved",
        "kbet",
        "ilisi",
        *(name for name in base if "neighbour" in name),
    }
    kept = [name for name in base if name not in by_angle]
    assert [moved[name] for name in kept] == pytest.approx([base[name] for name in kept], abs=1e-9)


def test_cell_types_are_measured_apart_and_averaged_by_rows() -> None:
    values = sanity_embeddings()["signal and batch"]
    known = factors()
    cells = np.where(BATCH < 4, "A", "B")
    both = measure(values, Factors(known.perturbation, known.experiment, known.plate, known.well, cells), seed=2)
    rows = {cell: cells == cell for cell in "AB"}
    alone = {
        cell: measure(
            values[own],
            Factors(*(getattr(known, name)[own] for name in ("perturbation", "experiment", "plate", "well"))),
        )
        for cell, own in rows.items()
    }
    for name in ("perturbation_probe", "retrieval_map", "neighbour_nsb", "perturbation_r2", "batch_silhouette"):
        parts = [alone[cell].figures[name].value for cell in "AB"]
        assert [both.by_cell_type[cell][name].value for cell in "AB"] == pytest.approx(parts)
        assert both.figures[name].value == pytest.approx((2 * parts[0] + parts[1]) / 3)


def test_sites_of_one_well_are_no_neighbours() -> None:
    random = np.random.default_rng(0)
    wells = random.normal(size=(120, 8))
    sites = np.repeat(wells, 2, axis=0)
    perturbation, experiment = np.repeat(np.arange(10), 12), np.tile(np.arange(4), 30)
    known = [np.repeat(column, 2) for column in (perturbation, experiment, np.zeros(120), np.arange(120))]
    assert measure(sites, Factors(*known)).figures["neighbour_any"].value < 0.4


def test_what_a_design_does_not_tell_is_not_a_number_but_a_note() -> None:
    random = np.random.default_rng(0)
    one = measure(
        random.normal(size=(40, 4)),
        Factors(np.repeat(np.arange(20), 2), np.zeros(40), np.zeros(40), np.arange(40)),
    )
    for name in ("perturbation_probe", "retrieval_map", "experiment_probe", "position_probe", "kbet", "ilisi"):
        assert math.isnan(one.figures[name].value)
    assert math.isnan(one.signal)
    assert "cannot be measured on this design: perturbation_probe" in " ".join(one.notes)
    text = json.dumps(one.as_dict(), allow_nan=False)
    assert json.loads(text)["figures"]["perturbation_probe"]["value"] is None


def test_two_experiments_have_no_interval() -> None:
    draws = sample_experiments(np.array([0, 0, 1, 1]), 0).mean(np.array([0.0, 1.0, 1.0, 1.0]), 0.5).draws
    assert np.isnan(draws).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"embeddings": np.full((4, 2), np.nan)}, "4 embeddings hold NaN or infinity, the first in row 0"),
        ({"embeddings": np.zeros((3, 2))}, "the factors name 4 rows"),
        ({"perturbation": np.array(["a", None, "b", ""], dtype=object)}, "2 of 4 rows have no perturbation"),
        ({"perturbation": np.array(["a"] * 4)}, "signal needs two perturbations"),
        ({"well": np.arange(3)}, "each must name every row"),
    ],
)
def test_bad_input_is_told(change: dict[str, Any], message: str) -> None:
    columns = {"perturbation": np.array(list("aabb")), "experiment": np.arange(4) % 2, "plate": np.zeros(4)}
    given: dict[str, Any] = {"embeddings": np.eye(4), "well": np.arange(4), **columns, **change}
    with pytest.raises(PredictionsError, match=message):
        measure(given.pop("embeddings"), Factors(**given))


def values_of(one: Disentanglement) -> dict[str, float]:
    return {name: figure.value for name, figure in one.figures.items()}
