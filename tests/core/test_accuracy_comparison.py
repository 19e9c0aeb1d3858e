"""Predictions of the same wells side by side, and refusal of those that do not compare."""

import json
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from deepnoise_core.contracts import Predictions, Stage
from deepnoise_core.contracts.errors import PredictionsError
from deepnoise_core.evaluation.accuracy import accuracy_by_stage
from deepnoise_core.evaluation.comparison import Judged, compare
from deepnoise_core.evaluation.intervals import experiment_interval
from deepnoise_core.evaluation.protocols import Protocol

CLASSES = ("a", "b", "c")
TRUTHS = np.array([CLASSES[row % 3] for row in range(60)], dtype=object)


def judged(seed: int, order: NDArray[np.int64] | None = None, classes: tuple[str, ...] = CLASSES) -> Judged:
    scores = np.random.default_rng(seed).normal(size=(60, 3)).astype(np.float32)
    own = np.arange(60) if order is None else order
    scores = scores[own][:, [CLASSES.index(name) for name in classes]]
    ids = {
        "well_id": np.array([f"w{row}" for row in own], dtype=object),
        "experiment": np.array([f"E-{row // 15}" for row in own], dtype=object),
        "plate": np.full(60, "1", dtype=object),
        "cell_type": np.full(60, "HUVEC", dtype=object),
    }
    predictions = Predictions(ids, classes, scores, {Stage.RAW: scores.argmax(axis=1)})
    return Judged(predictions, TRUTHS[own], accuracy_by_stage(predictions, TRUTHS[own]))


def test_gains_are_paired_well_by_well() -> None:
    one, two = judged(0), judged(1)
    comparison = compare({"one": one, "two": two})
    hits = [np.array(CLASSES, dtype=object)[own.predictions.stages[Stage.RAW]] == TRUTHS for own in (one, two)]
    gain = comparison.gains["two"][Stage.RAW]
    assert gain.mean == pytest.approx(hits[1].mean() - hits[0].mean())
    difference = hits[1].astype(int) - hits[0].astype(int)
    assert gain.interval == experiment_interval(difference, one.predictions.ids["experiment"])
    assert json.loads(json.dumps(comparison.as_dict(), allow_nan=False)) == comparison.as_dict()


def test_order_of_rows_and_classes_makes_no_difference() -> None:
    order = np.random.default_rng(5).permutation(60)
    same = compare({"one": judged(0), "again": judged(0, order, ("c", "a", "b"))}).gains["again"][Stage.RAW]
    assert (same.mean, same.interval) == (0.0, (0.0, 0.0))


def test_a_stage_that_one_lacks_is_not_compared() -> None:
    one, two = judged(0), judged(1)
    more = two.predictions.with_stage(Stage.GROUP, two.predictions.stages[Stage.RAW])
    comparison = compare({"one": one, "two": replace(two, predictions=more)})
    assert list(comparison.gains["two"]) == [Stage.RAW]


def of_protocol(one: Judged) -> Judged:
    return replace(one, evaluation=replace(one.evaluation, protocol=Protocol.RCIC))


def of_sites(one: Judged) -> Judged:
    return replace(one, evaluation=replace(one.evaluation, unit="site"))


def of_other_classes(one: Judged) -> Judged:
    return replace(one, predictions=replace(one.predictions, classes=("a", "b", "d")))


def of_other_wells(one: Judged) -> Judged:
    ids = {**one.predictions.ids, "well_id": np.array([f"w{row + 1}" for row in range(60)], dtype=object)}
    return replace(one, predictions=replace(one.predictions, ids=ids))


def of_other_truth(one: Judged) -> Judged:
    return replace(one, truths=np.roll(one.truths, 1))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (of_protocol, "one is of protocol custom, the other of rcic"),
        (of_sites, "one is of unit well, the other of site"),
        (of_other_classes, "2 classes are of one of them alone, such as 'c', 'd'; they have 3 and 3"),
        (of_other_wells, "2 wells that count are of one of them alone, such as 'w0', 'w60'"),
        (of_other_truth, "their screens name 60 wells otherwise"),
    ],
)
def test_what_does_not_compare_is_refused(change: Callable[[Judged], Judged], said: str) -> None:
    with pytest.raises(PredictionsError, match=f"one and two do not compare: {said}"):
        compare({"one": judged(0), "two": change(judged(1))})


def test_one_alone_is_no_comparison() -> None:
    with pytest.raises(PredictionsError, match="two predictions of different names"):
        compare({"one": judged(0)})
