"""Submissions against the competition's own list of wells, and every way in which they do not fit it."""

import csv
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from subprocess import CompletedProcess

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

import deepnoise as dn
from deepnoise.submission import class_numbers, submission
from deepnoise_core.contracts import ID_COLUMNS, UNASSIGNED, Predictions, Screen, Stage
from deepnoise_core.contracts.errors import PredictionsError

CLASSES = tuple(str(number) for number in range(1108))


def predicted(screen: Screen, rows: NDArray[np.int64], seed: int = 0) -> Predictions:
    """Two stages of random labels for the wells of these rows; no scores, which a submission does not look at."""
    generator = np.random.default_rng(seed)
    ids = {name: screen.column(name)[rows] for name in ID_COLUMNS}
    stages = {stage: generator.integers(0, 1108, len(rows)) for stage in (Stage.RAW, Stage.ASSIGNED)}
    return Predictions(ids, CLASSES, np.zeros((len(rows), 0), np.float32), stages)


@pytest.fixture(scope="module")
def rxrx1(shared: Callable[[str], Path]) -> Screen:
    return dn.open_screen(shared("rxrx1_kaggle"))


@pytest.fixture(scope="module")
def whole(rxrx1: Screen) -> Predictions:
    """Predictions of all test wells, controls among them, in no order."""
    _, first = np.unique(rxrx1.column("well_id").astype(str), return_index=True)
    rows = first[rxrx1.column("dataset")[first] == "test"]
    return predicted(rxrx1, np.random.default_rng(1).permutation(rows))


def test_wells_are_those_of_the_sample_submission(
    rxrx1: Screen, whole: Predictions, shared: Callable[[str], Path]
) -> None:
    with (shared("rxrx1_kaggle") / "sample_submission.csv").open() as file:
        sample = [row["id_code"] for row in csv.DictReader(file)]
    made = submission(whole, rxrx1)
    assert list(made.numbers) == sample
    assert len(sample) == 19_897
    assert made.stage is Stage.ASSIGNED
    assert made.notes == ("left out 2246 predicted wells that are no test treatments",)
    for stage in (Stage.RAW, Stage.ASSIGNED):
        labels = dict(zip(whole.ids["well_id"], whole.stages[stage], strict=True))
        assert submission(whole, rxrx1, stage).numbers == {well: labels[well] for well in sample}


def test_missing_and_surplus_wells_are_named(rxrx1: Screen, whole: Predictions) -> None:
    ids = {**whole.ids, "well_id": whole.ids["well_id"].copy()}
    row = int(np.flatnonzero(ids["well_id"] == "HUVEC-17_1_B03")[0])
    ids["well_id"][row] = "HUVEC-99_1_B03"
    with pytest.raises(
        PredictionsError, match=r"1 of the 19,897 test wells lack .*HUVEC-17_1_B03.*; 1 pred.*C-99"
    ):
        submission(replace(whole, ids=ids), rxrx1)
    ids["well_id"][row] = "HUVEC-17_1_B04"
    with pytest.raises(PredictionsError, match=r"1 wells are predicted more than once: 'HUVEC-17_1_B04'"):
        submission(replace(whole, ids=ids), rxrx1)


def test_a_part_of_the_competition_is_refused(rxrx1: Screen, whole: Predictions) -> None:
    part = rxrx1.take(np.flatnonzero(rxrx1.column("experiment") != "U2OS-04"))
    with pytest.raises(
        PredictionsError, match=r"lists 18,7\d\d test treatments, where the competition has 19,897"
    ):
        submission(whole, part)


def test_labels_must_be_there(rxrx1: Screen, whole: Predictions) -> None:
    with pytest.raises(PredictionsError, match="have no stage group; they have raw, assigned"):
        submission(whole, rxrx1, Stage.GROUP)
    labels = whole.stages[Stage.ASSIGNED].copy()
    labels[whole.ids["well_id"] == "RPE-08_4_O23"] = UNASSIGNED
    none = whole.with_stage(Stage.ASSIGNED, labels)
    with pytest.raises(PredictionsError, match=r"leaves 1 test wells without a class: 'RPE-08_4_O23'; submit"):
        submission(none, rxrx1)
    sites = replace(whole, ids={**whole.ids, "site_id": whole.ids["well_id"]})
    with pytest.raises(PredictionsError, match="predict without --sites"):
        submission(sites, rxrx1)


def test_names_of_all_releases_have_numbers(rxrx1: Screen, shared: Callable[[str], Path]) -> None:
    assert class_numbers(("513", "sirna_250"), rxrx1) == [513, 250]
    public = dn.open_screen(shared("rxrx1_metadata") / "metadata_reconstructed.csv.gz")
    treatments = public.sites.filter(pl.col("sirna_id") < 1108).select("perturbation", "sirna_id").unique()
    numbers = class_numbers(tuple(treatments["perturbation"]), public)
    assert numbers == treatments["sirna_id"].to_list()
    assert sorted(numbers) == list(range(1108))
    with pytest.raises(PredictionsError, match="2 classes have no number below 1,108: 'EMPTY', 'nothing'"):
        class_numbers((*treatments["perturbation"], "EMPTY", "nothing"), public)
    with pytest.raises(PredictionsError, match="two classes have the same number"):
        class_numbers(("7", "sirna_7"), rxrx1)


def test_the_command_writes_and_says_which_stage(
    tiny_predictions: Path, tmp_path: Path, deepnoise: Callable[..., CompletedProcess[str]]
) -> None:
    out = tmp_path / "submission.csv"
    done = deepnoise("submit", tiny_predictions, "-o", out)
    assert done.returncode == 0, done.stderr
    assert "12 test wells by stage assigned" in done.stderr
    assert "not the competition's" in done.stderr
    with out.open() as file:
        rows = list(csv.DictReader(file))
    assert set(rows[0]) == {"id_code", "sirna"}
    assert {row["id_code"].partition("_")[0] for row in rows} == {"RPE-02"}
    again = deepnoise("submit", tiny_predictions, "-o", out)
    assert again.returncode == 2
    assert "never overwritten" in again.stderr
    raw = dn.submit(tiny_predictions, tmp_path / "raw.csv", stage="raw")
    assert raw.stage is Stage.RAW
