"""Submissions to the RCIC competition of 2019: one class number for each of its 19,897 test wells."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from deepnoise.evaluation import predicted_screen
from deepnoise_core.contracts import UNASSIGNED, Predictions, Role, Screen, Stage
from deepnoise_core.contracts.errors import PredictionsError
from deepnoise_core.data.files import plain_disk_errors, refuse_taken_file, replace_file
from deepnoise_core.data.names import some_of
from deepnoise_core.data.prediction_table import read_predictions
from deepnoise_core.evaluation.protocols import RCIC_TEST
from deepnoise_registry.catalogue import Catalogue

RCIC_WELLS, RCIC_CLASSES = 19_897, 1_108
_NUMBERED = re.compile(r"(?:sirna_)?([0-9]+)")


@dataclass(frozen=True)
class Submission:
    """Class numbers of test wells.

    Attributes:
        numbers: `id_code` of each test well → number of its class, in the order of the screen.
        stage: whose labels they are.
        notes: what a reader must know.
    """

    numbers: Mapping[str, int]
    stage: Stage
    notes: tuple[str, ...] = ()


def submit_folder(
    path: Path, out: Path, catalogue: Catalogue, *, stage: Stage | None = None, screen: Screen | None = None
) -> Submission:
    """Write a folder of predictions as `id_code,sirna`, as the competition takes it.

    Args:
        path: the folder.
        out: CSV to write; must not exist yet.
        catalogue: where the screen's reader is found.
        stage: whose labels; the last that the predictions have where None.
        screen: the screen, where it is no longer where it was predicted from.

    Raises:
        PredictionsError: the folder is malformed, or as of `submission`.
        OutputError: the file is there already or cannot be written.
    """
    refuse_taken_file(out, "a submission")
    predictions, provenance = read_predictions(path)
    opened = predicted_screen(path, provenance, catalogue) if screen is None else screen
    made = submission(predictions, opened, stage)
    text = io.StringIO()
    lines = csv.writer(text, lineterminator="\n")
    lines.writerows([("id_code", "sirna"), *made.numbers.items()])
    with plain_disk_errors(out):
        replace_file(out, text.getvalue())
    return made


def submission(predictions: Predictions, screen: Screen, stage: Stage | None = None) -> Submission:
    """The class number of each test treatment that the screen lists.

    Args:
        predictions: wells.
        screen: what they were made from; its column `dataset` tells test wells.
        stage: whose labels; the last that the predictions have where None.

    Raises:
        PredictionsError: rows are sites or come twice, the stage is absent or leaves a well without a class, a
            test well lacks a prediction, a predicted well is none of the screen, a class has no number, or the
            screen is RxRx1's and does not list 19,897 test treatments.
    """
    if predictions.per_site:
        raise PredictionsError("a submission names wells, but these rows are sites; predict without --sites")
    chosen = stage or list(predictions.stages)[-1]
    if chosen not in predictions.stages:
        has = ", ".join(one.value for one in predictions.stages)
        raise PredictionsError(f"these predictions have no stage {chosen.value}; they have {has}")
    expected = _expected(screen)
    labels = _labels(predictions, chosen)
    _require_all(expected, labels, screen)
    notes = []
    if len(labels) > len(expected):
        notes.append(f"left out {len(labels) - len(expected)} predicted wells that are no test treatments")
    if len(expected) != RCIC_WELLS:
        notes.append("this screen is not the competition's, which will not take it")
    numbers = class_numbers(predictions.classes, screen)
    unnamed = [well for well in expected if labels[well] == UNASSIGNED]
    if unnamed:
        raise PredictionsError(
            f"stage {chosen.value} leaves {len(unnamed)} test wells without a class: {some_of(unnamed)}; "
            "submit another stage, such as --stage raw"
        )
    return Submission(
        numbers={well: numbers[labels[well]] for well in expected},
        stage=chosen,
        notes=tuple(notes),
    )


def class_numbers(classes: tuple[str, ...], screen: Screen) -> list[int]:
    """The competition's number of each class, by the column `sirna_id` or by names as `513` and `sirna_513`.

    Raises:
        PredictionsError: a class has none below 1,108, or two have the same.
    """
    known: dict[str, int] = {}
    if "sirna_id" in screen.sites.columns:
        named = screen.sites.select("perturbation", "sirna_id").drop_nulls().unique()
        known = {name: int(number) for name, number in named.iter_rows()}
    found = {name: known.get(name, _number_in(name)) for name in classes}
    without = [name for name, number in found.items() if number is None or number >= RCIC_CLASSES]
    if without:
        raise PredictionsError(
            f"{len(without)} classes have no number below {RCIC_CLASSES:,}: {some_of(without)}; submit "
            "predictions of treatments, from the competition's screen or one with the column sirna_id"
        )
    numbers = [number for number in found.values() if number is not None]
    if len(set(numbers)) < len(numbers):
        raise PredictionsError("two classes have the same number; check the screen's column sirna_id")
    return numbers


def _number_in(name: str) -> int | None:
    match = _NUMBERED.fullmatch(name)
    return int(match[1]) if match else None


def _expected(screen: Screen) -> list[str]:
    """The screen's test treatments, each once, in its order."""
    wanted = (pl.col("dataset") == "test") & (pl.col("role") == Role.TREATMENT.value)
    listed = screen.sites.filter(wanted).unique("well_id", maintain_order=True)
    wells: list[str] = listed["well_id"].to_list()
    if not wells:
        raise PredictionsError(
            f"{screen.source}: lists no treatment of dataset test, so that nothing is to submit"
        )
    if RCIC_TEST.issuperset(listed["experiment"]) and len(wells) != RCIC_WELLS:
        raise PredictionsError(
            f"{screen.source}: lists {len(wells):,} test treatments, where the competition has {RCIC_WELLS:,}; "
            f"{len(screen.dropped):,} sites were left out: put their images back, and predict the whole test set"
        )
    return wells


def _labels(predictions: Predictions, stage: Stage) -> dict[str, int]:
    wells: list[Any] = predictions.ids["well_id"].tolist()
    labels = dict(zip(wells, predictions.stages[stage].tolist(), strict=True))
    if len(labels) < len(wells):
        names, times = np.unique(predictions.ids["well_id"].astype(str), return_counts=True)
        twice = names[times > 1].tolist()
        raise PredictionsError(f"{len(twice)} wells are predicted more than once: {some_of(twice)}")
    return labels


def _require_all(expected: list[str], labels: Mapping[str, int], screen: Screen) -> None:
    missing = [well for well in expected if well not in labels]
    listed = set(screen.sites["well_id"])
    strange = [well for well in labels if well not in listed]
    faults = []
    if missing:
        faults.append(
            f"{len(missing):,} of the {len(expected):,} test wells lack a prediction: {some_of(missing)}"
        )
    if strange:
        faults.append(f"{len(strange):,} predicted wells are none of the screen: {some_of(strange)}")
    if faults:
        raise PredictionsError(
            f"{screen.source}: {'; '.join(faults)}; predict all its test wells with --part test"
        )
