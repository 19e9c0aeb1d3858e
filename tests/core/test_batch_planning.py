"""From options to the rows of every step: domains, balance, and what cannot be combined."""

import zlib
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from pydantic import ValidationError
from scipy.stats import chisquare

from deepnoise_core.contracts import BatchOptions, Screen, TrainOptions
from deepnoise_core.contracts.errors import TrainingError
from deepnoise_core.data.batches import Steps, plan_steps
from deepnoise_core.testing.screens import random_screen

SCREEN = random_screen(experiments=4, plates=3, wells=4, sites=2)
EXPERIMENT = SCREEN.column("experiment").astype(str)
PLATE = np.char.add(np.char.add(EXPERIMENT, "/"), SCREEN.column("plate").astype(str))
LABELLED, POOL = np.flatnonzero(EXPERIMENT < "E2"), np.flatnonzero(EXPERIMENT >= "E2")
LABELS = np.array([int(name[1:]) for name in SCREEN.column("perturbation")])


def planned(
    screen: Screen = SCREEN,
    labelled: NDArray[np.int64] = LABELLED,
    unlabelled: NDArray[np.int64] = POOL,
    **options: Any,
) -> Steps:
    plan = TrainOptions.model_validate({"batch_size": 5, **options})
    return plan_steps(plan, screen, labelled, LABELS, unlabelled, seed=1)


@pytest.mark.parametrize(
    ("domain", "names"), [("plate", PLATE), ("experiment", EXPERIMENT)], ids=["plate", "experiment"]
)
def test_both_parts_of_a_batch_are_of_one_domain_each(domain: str, names: NDArray[np.str_]) -> None:
    steps = planned(batches={"domain": domain})
    seen: list[int] = []
    for step in steps.epoch(0):
        assert len({*names[step.labelled.rows]}) == len({*names[step.unlabelled.rows]}) == 1
        seen.extend(step.labelled.rows.tolist())
    assert sorted(seen) == LABELLED.tolist()


def test_plates_of_one_name_are_told_apart_by_their_experiment() -> None:
    assert len({*SCREEN.column("plate")}) == 3
    batches = planned(batches={"domain": "plate"}).epoch(0)
    assert len({PLATE[step.labelled.rows[0]] for step in batches}) == 6


def test_a_domain_smaller_than_a_batch_makes_a_smaller_batch() -> None:
    sizes = [len(step.labelled) for step in planned(batch_size=64, batches={"domain": "plate"}).epoch(0)]
    assert sizes == [8] * 6


@pytest.mark.parametrize("part", ["labelled", "unlabelled"])
def test_a_domain_of_one_site_is_an_error_that_names_it(part: str) -> None:
    site = (LABELLED if part == "labelled" else POOL)[0]
    others = {"labelled": LABELLED, "unlabelled": POOL}[part]
    rows = np.concatenate([[site], others[PLATE[others] != PLATE[site]]])
    message = (
        rf"plate '{PLATE[site]}' has a single site to learn from, '{SCREEN.column('site_id')[site]}'.*--exclude"
    )
    labelled, unlabelled = (rows, POOL) if part == "labelled" else (LABELLED, rows)
    with pytest.raises(TrainingError, match=message):
        planned(labelled=labelled, unlabelled=unlabelled, batches={"domain": "plate"})


def test_cell_types_are_domains_too() -> None:
    table = SCREEN.sites.with_columns(
        cell_type=pl.when(pl.col("experiment").is_in(["E0", "E2"])).then(pl.lit("RPE")).otherwise(pl.lit("HUVEC"))
    )
    screen = Screen(table, SCREEN.channels, SCREEN.store, "two cell types")
    for step in planned(screen, batches={"domain": "cell_type"}).epoch(0):
        assert len({*screen.column("cell_type")[step.labelled.rows]}) == 1


@given(st.integers(0, 40))
def test_balanced_draws_stay_among_the_training_rows(epoch: int) -> None:
    steps = planned(batches={"weights": "balanced"}).epoch(epoch)
    rows = np.concatenate([step.labelled.rows for step in steps])
    assert len(rows) == len(LABELLED)
    assert np.isin(rows, LABELLED).all()


def test_balanced_classes_come_equally_often_whatever_the_test_rows_are() -> None:
    few = LABELLED[(LABELS[LABELLED] != 0) | (np.arange(len(LABELLED)) < 8)]
    steps = planned(labelled=few, batches={"weights": "balanced"})
    drawn = np.concatenate([step.labelled.rows for epoch in range(400) for step in steps.epoch(epoch)])
    assert np.bincount(LABELS[few]).tolist() == [2, 12, 12, 12]
    assert chisquare(np.bincount(LABELS[drawn])).pvalue > 1e-3


def test_the_random_mix_counts_all_sites_of_a_step() -> None:
    steps = planned(batch_size=8, batches={"mix": "random"})
    assert steps.per_epoch == len(SCREEN) // 8
    assert {len(step.labelled) + len(step.unlabelled) for step in steps.epoch(0)} == {8}


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ({}, 3525012862),
        ({"mix": "random"}, 1491328110),
        ({"domain": "plate"}, 1685945083),
        ({"weights": "balanced"}, 1336819354),
        ({"domain": "experiment", "weights": "balanced"}, 1242211614),
    ],
    ids=str,
)
def test_a_plan_is_the_same_in_every_version(how: dict[str, str], expected: int) -> None:
    # Or else a run that is resumed would see other batches than those that it began with.
    found = 0
    for step in planned(batches=how).epoch(2):
        for part in (step.labelled, step.unlabelled):
            for numbers in (part.rows, part.turns):
                found = zlib.crc32(numbers.astype("<i8").tobytes(), found)
    assert found == expected


def test_steps_of_an_epoch_are_a_sequence() -> None:
    steps = planned().epoch(1)
    whole = list(steps)
    assert len(steps) == len(whole) == planned().per_epoch
    for some, expected in ((steps[1:4], whole[1:4]), (steps[::-2], whole[::-2]), ([steps[-1]], whole[-1:])):
        assert [step.labelled.rows.tolist() for step in some] == [
            step.labelled.rows.tolist() for step in expected
        ]
    with pytest.raises(IndexError):
        steps[len(steps)]


@pytest.mark.parametrize("how", [{}, {"mix": "random"}, {"domain": "plate"}, {"weights": "balanced"}], ids=str)
def test_without_a_pool_steps_are_labelled(how: dict[str, str]) -> None:
    steps = planned(unlabelled=POOL[:0], batches=how)
    assert all(len(step.unlabelled) == 0 for step in steps.epoch(0))
    assert sum(len(step.labelled) for step in steps.epoch(0)) == len(LABELLED)


def test_too_few_sites_are_told() -> None:
    with pytest.raises(TrainingError, match="the split leaves 1"):
        planned(labelled=LABELLED[:1])
    with pytest.raises(TrainingError, match="4 labelled ones cannot give 2 to each"):
        planned(labelled=LABELLED[:4], batches={"mix": "random"})


def test_what_cannot_be_combined_is_refused_with_the_recipe() -> None:
    for other in ({"domain": "plate"}, {"weights": "balanced"}):
        with pytest.raises(ValidationError, match="random is one shuffle of all sites"):
            BatchOptions.model_validate({"mix": "random", **other})
    with pytest.raises(ValidationError, match="unlabelled_batch_size has no meaning"):
        TrainOptions.model_validate({"unlabelled_batch_size": 4, "batches": {"mix": "random"}})
