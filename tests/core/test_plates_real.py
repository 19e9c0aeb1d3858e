"""The real layout of RxRx1, with simulated logits: N(0, 1), and a lead of the true class."""

import csv
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from deepnoise_core.contracts import PlateDesign
from deepnoise_core.data.plates import assign_plates, discover_design, find_plate_groups, plates_of

CLASSES = 1108


@dataclass(frozen=True)
class Layout:
    """Labelled treatment wells and the type (0 to 3) of each experiment's arrangement in the reference table."""

    experiment: NDArray[np.str_]
    plate: NDArray[np.str_]
    labels: NDArray[np.int64]
    train: NDArray[np.bool_]
    plate_by_type: NDArray[np.int64]

    def design(self) -> PlateDesign:
        rows = self.train
        return discover_design(self.labels[rows], self.experiment[rows], self.plate[rows], CLASSES)


@pytest.fixture(scope="module")
def layout(shared: Callable[[str], Path]) -> Layout:
    folder, groups = shared("rxrx1_metadata"), shared("rxrx1_plate_stats")
    wells = (
        pl.read_csv(folder / "metadata_reconstructed.csv.gz", infer_schema=False)
        .filter((pl.col("well_type") == "treatment") & pl.col("sirna_id").is_not_null())
        .unique("well_id", maintain_order=True)
    )
    with (groups / "plate_groups.csv").open() as file:
        rows = sorted(
            ([int(value) for value in row.values()] for row in csv.DictReader(file)), key=lambda r: r[4]
        )
    return Layout(
        wells["experiment"].to_numpy().astype(str),
        wells["plate"].to_numpy().astype(str),
        wells["sirna_id"].cast(pl.Int64).to_numpy(),
        wells["dataset"].to_numpy() == "train",
        np.array(rows)[:, :4],
    )


def logits(labels: NDArray[np.int64], lead: float, seed: int) -> NDArray[np.float32]:
    scores = np.random.default_rng(seed).standard_normal((len(labels), CLASSES), dtype=np.float32)
    scores[np.arange(len(labels)), labels] += lead
    return scores


def full_plates(groups: tuple[frozenset[int], ...], turn: int) -> tuple[NDArray[np.int64], NDArray[np.str_]]:
    """Classes of 4 x 277 wells whose plate i holds group (i + turn) mod 4, and their plates."""
    labels = np.concatenate([sorted(groups[(plate + turn) % 4]) for plate in range(4)])
    return labels, np.repeat(["1", "2", "3", "4"], 277)


def test_labelled_plates_show_four_groups_that_rotate(layout: Layout) -> None:
    design = layout.design()
    assert [len(group) for group in design.groups] == [277] * 4
    assert frozenset().union(*design.groups) == frozenset(range(CLASSES))
    assert design.exclusive
    assert design.cyclic
    by_type = {frozenset(np.flatnonzero(layout.plate_by_type[:, 0] == plate).tolist()) for plate in range(1, 5)}
    assert set(design.groups) == by_type


def test_every_labelled_experiment_is_a_rotation(layout: Layout) -> None:
    design = layout.design()
    group_of = {label: number for number, group in enumerate(design.groups) for label in group}
    turns = {}
    for name, plates in plates_of(layout.experiment, layout.plate).items():
        held = [{group_of[label] for label in layout.labels[rows].tolist()} for rows in plates.values()]
        assert all(len(groups) == 1 for groups in held)
        sequence = [groups.pop() for groups in held]
        assert all((after - before) % 4 == 1 for before, after in pairwise(sequence))
        turns[name] = sequence[0]
    train = set(layout.experiment[layout.train].tolist())
    counts = Counter(turn for name, turn in turns.items() if name in train)
    assert sorted(counts.values()) == [4, 7, 22]
    assert len(turns) == 37


def test_the_truth_is_assigned_to_itself(layout: Layout) -> None:
    scores = np.zeros((len(layout.labels), CLASSES), dtype=np.float32)
    scores[np.arange(len(scores)), layout.labels] = 20.0
    result = assign_plates(
        scores, experiment=layout.experiment, plate=layout.plate, groups=layout.design().groups
    )
    np.testing.assert_array_equal(result.labels, layout.labels)
    assert not result.changed.any()


@pytest.mark.parametrize(
    ("lead", "raw", "group", "ungrouped", "both"),
    [
        (2.0, 0.105, 0.213, 0.105, 0.198),
        (3.0, 0.398, 0.549, 0.399, 0.587),
        (5.0, 0.948, 0.974, 0.954, 1.000),
    ],
)
def test_what_each_step_gains(
    layout: Layout, lead: float, raw: float, group: float, ungrouped: float, both: float
) -> None:
    groups = layout.design().groups
    labels, plates = zip(*(full_plates(groups, turn) for turn in range(4)), strict=True)
    truth, plate = np.concatenate(labels), np.concatenate(plates)
    experiment = np.repeat(["A", "B", "C", "D"], 4 * 277)
    scores = logits(truth, lead, seed=7)
    alone = assign_plates(scores, experiment=experiment, plate=plate)
    grouped = assign_plates(scores, experiment=experiment, plate=plate, groups=groups)
    shares = [(given == truth).mean() for given in (alone.raw, grouped.restricted, alone.labels, grouped.labels)]
    assert shares == pytest.approx([raw, group, ungrouped, both], abs=0.02)


def estimates(layout: Layout, lead: float, trials: int = 12, **options: Any) -> list[tuple[bool, bool]]:
    """Of each trial, whether an arrangement was believed, and whether it was the right one."""
    groups, made = layout.design().groups, []
    for trial in range(trials):
        labels, plate = full_plates(groups, trial % 4)
        scores, experiment = logits(labels, lead, seed=trial), np.repeat("A", len(labels))
        found = find_plate_groups(scores, experiment=experiment, plate=plate, groups=groups, **options)
        given = found.arrangement["A"]
        right = given is not None and list(given.values()) == [(place + trial) % 4 for place in range(4)]
        made.append((given is not None, right))
    return made


def test_arrangements_are_identified_from_weak_scores(layout: Layout) -> None:
    for evidence in ("mass", "likelihood"):
        right = [right for _, right in estimates(layout, 1.5, threshold=0.0, evidence=evidence)]
        assert sum(right) >= 11


def test_a_wrong_arrangement_is_not_believed(layout: Layout) -> None:
    for lead, least in ((0.0, 0), (1.0, 0), (2.0, 10)):
        made = estimates(layout, lead)
        assert all(right for believed, right in made if believed)
        assert sum(right for _, right in made) >= least


@pytest.mark.parametrize("noise", [0.0, 1e-3, 1.0])
def test_plates_that_favour_a_group_do_not_make_it_theirs(layout: Layout, noise: float) -> None:
    groups = layout.design().groups
    of_class = np.empty(CLASSES, dtype=np.int64)
    for number, group in enumerate(groups):
        of_class[sorted(group)] = number
    _, plate = full_plates(groups, 0)
    for seed in range(4):
        generator = np.random.default_rng(seed)
        favour = generator.normal(size=(4, 4)).astype(np.float32)[plate.astype(int) - 1][:, of_class]
        scores = favour + noise * generator.standard_normal(favour.shape, dtype=np.float32)
        found = find_plate_groups(scores, experiment=np.repeat("A", len(plate)), plate=plate, groups=groups)
        assert found.arrangement["A"] is None


def test_seventy_two_plates_take_a_moment(layout: Layout) -> None:
    groups = layout.design().groups
    labels, plates = zip(*(full_plates(groups, turn % 4) for turn in range(18)), strict=True)
    truth = np.concatenate(labels)
    experiment = np.repeat([f"E{number}" for number in range(18)], 4 * 277)
    scores = np.tile(logits(truth[: 4 * 1108], 4.0, seed=1), (5, 1))[: len(truth)]
    np.testing.assert_array_equal(truth[4 * 1108 :], truth[: -4 * 1108])
    start = time.perf_counter()
    result = assign_plates(scores, experiment=experiment, plate=np.concatenate(plates), groups=groups)
    assert time.perf_counter() - start < 10.0
    assert (result.labels == truth).mean() > 0.9


def test_controls_have_places_of_their_own(shared: Callable[[str], Path]) -> None:
    wells = pl.read_csv(shared("rxrx1_metadata") / "metadata_reconstructed.csv.gz", infer_schema=False).unique(
        "well_id", maintain_order=True
    )
    known = wells.filter((pl.col("well_type") != "treatment") & pl.col("sirna_id").is_not_null())
    labels = known["sirna_id"].cast(pl.Int64).to_numpy() - CLASSES
    experiment, plate = (known[name].to_numpy().astype(str) for name in ("experiment", "plate"))
    positive = labels < 30
    scores = np.zeros((len(labels), 31))
    scores[np.arange(len(labels)), labels] = 9.0
    capacity = [1] * 30 + [4]
    assert np.bincount(labels[positive & (experiment == experiment[0]) & (plate == "1")]).max() == 1
    result = assign_plates(scores, experiment=experiment, plate=plate, capacity=capacity)
    np.testing.assert_array_equal(result.labels, labels)


def test_sizes_of_the_test_plates(shared: Callable[[str], Path]) -> None:
    wells = pl.read_csv(shared("rxrx1_metadata") / "metadata_reconstructed.csv.gz", infer_schema=False).filter(
        (pl.col("well_type") == "treatment") & (pl.col("dataset") == "test")
    )
    sizes = wells.group_by("experiment", "plate").agg(pl.col("well_id").n_unique())["well_id"]
    assert (len(sizes), sizes.sum(), sizes.min()) == (72, 19_897, 271)
    assert (sizes == 277).sum() == 51
