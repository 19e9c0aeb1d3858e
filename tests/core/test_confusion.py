"""Confused pairs, by counting."""

from collections import Counter

import numpy as np
import pytest

from deepnoise_core.contracts import ID_COLUMNS, Predictions, Screen, Stage
from deepnoise_core.contracts.errors import PredictionsError
from deepnoise_core.evaluation.confusion import most_confused
from deepnoise_core.testing.screens import random_screen


def predicted(screen: Screen, classes: int, seed: int = 0) -> tuple[Predictions, list[str | None]]:
    wells = screen.sites.unique("well_id", keep="first", maintain_order=True)
    generator = np.random.default_rng(seed)
    scores = generator.normal(size=(wells.height, classes)).astype(np.float32)
    ids = {name: wells[name].to_numpy() for name in ID_COLUMNS}
    names = tuple(f"c{number + 8}" for number in range(classes))
    truth: list[str | None] = [names[one] for one in generator.integers(0, classes, wells.height)]
    truth[0], truth[1] = None, "unheard of"
    return Predictions(ids, names, scores, {Stage.RAW: scores.argmax(axis=1)}), truth


def test_confused_pairs_are_those_that_counting_finds() -> None:
    predictions, truth = predicted(random_screen(wells=15, sites=1, channels=1, side=4), 5)
    said = [predictions.classes[label] for label in predictions.stages[Stage.RAW]]
    known = [(a, b) for a, b in zip(truth, said, strict=True) if a in predictions.classes]
    counts = Counter(frozenset(pair) for pair in known if len(set(pair)) == 2)
    pairs = most_confused(predictions, np.array(truth, dtype=object), Stage.RAW, most=99)
    assert {frozenset((pair.first, pair.second)): pair.count for pair in pairs} == counts
    assert [pair.count for pair in pairs] == sorted(counts.values(), reverse=True)
    probability = np.exp(predictions.scores) / np.exp(predictions.scores).sum(axis=1, keepdims=True)
    for pair in pairs:
        assert len(pair.first_as_second) >= len(pair.second_as_first)
        assert pair.wells == (truth.count(pair.first), truth.count(pair.second))
        for rows, both in (
            (pair.of_first, (pair.first, pair.first)),
            (pair.first_as_second, (pair.first, pair.second)),
            (pair.of_second, (pair.second, pair.second)),
            (pair.second_as_first, (pair.second, pair.first)),
        ):
            assert {(truth[row], said[row]) for row in rows} <= {both}
            assert len(rows) == known.count(both)
            assert (np.diff(probability[rows].max(axis=1)) <= 1e-6).all()


def test_unassigned_wells_are_confused_with_nothing_and_stages_are_asked_by_name() -> None:
    predictions, truth = predicted(random_screen(channels=1, side=4), 3)
    none = predictions.with_stage(Stage.ASSIGNED, np.full(len(predictions), -1))
    assert not most_confused(none, np.array(truth, dtype=object), Stage.ASSIGNED)
    with pytest.raises(PredictionsError, match="no stage 'group'"):
        most_confused(predictions, np.array(truth, dtype=object), Stage.GROUP)
