"""How long assignment takes, and how long DeepNoise's balancing takes for the same."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial

import numpy as np
from bars import Row, at_least, at_most, shown
from numpy.typing import NDArray
from scipy.special import softmax

from assigning.layout import Layout
from deepnoise_core.data.plates import assign, assign_plates, balance_classes

ROUNDS = 3


def screen_rows(layout: Layout) -> Iterator[Row]:
    """All plates: arrangements, restriction and linear assignment, and the last two alone."""
    scores = layout.logits(3.0, seed=2)
    whole = partial(assign_plates, scores, experiment=layout.experiment, plate=layout.plate, groups=layout.groups)
    count = len(layout.plates())
    yield at_most(
        f"seconds on one core, {count} plates, groups found", min(_seconds(whole) for _ in range(ROUNDS)), 0.5
    )
    known = partial(whole, known=layout.held)
    yield shown(f"seconds on one core, {count} plates, groups known", min(_seconds(known) for _ in range(ROUNDS)))


def large_rows() -> Iterator[Row]:
    """A plate of 1,536 wells and 20,000 classes."""
    random = np.random.default_rng(3)
    wells, classes = 1536, 20_000
    scores = random.standard_normal((wells, classes), dtype=np.float32)
    truth = random.permutation(classes)[:wells]
    scores[np.arange(wells), truth] += np.float32(5)
    work = partial(assign_plates, scores, experiment=np.full(wells, "E"), plate=np.full(wells, "1"))
    yield at_most("seconds on one core, one plate of 1,536 wells and 20,000 classes", _seconds(work), 30)


def balancing_rows(layout: Layout, leads: Sequence[float], plates: int) -> Iterator[Row]:
    """DeepNoise's balancing, step by step as published and as here, against linear assignment."""
    for lead in leads:
        scores = layout.logits(lead, seed=4)
        chosen = layout.plates()[:plates]
        blocks = [scores[np.ix_(rows, classes)].astype(np.float64) for rows, classes in chosen]
        truth = np.concatenate([np.searchsorted(classes, layout.labels[rows]) for rows, classes in chosen])
        ways: dict[str, Callable[[NDArray[np.float64]], NDArray[np.int64]]] = {
            "assign": assign,
            "ours": balance_classes,
            "published": balance_as_published,
        }
        labels, seconds = {}, {}
        for name, way in ways.items():
            start = time.process_time()
            labels[name] = np.concatenate([way(block) for block in blocks])
            seconds[name] = time.process_time() - start
        seconds["assign"] = min(_seconds(partial(_each, assign, blocks)) for _ in range(ROUNDS))
        right = {name: own == truth for name, own in labels.items()}
        error = float(np.std(right["assign"] * 1.0 - right["published"], ddof=1) / np.sqrt(len(truth)))
        what = f"balancing, δ {lead:g}, {plates} plates"
        yield shown(f"{what}: accuracy of balancing", float(right["published"].mean()))
        yield shown(f"{what}: accuracy of linear assignment", float(right["assign"].mean()))
        difference = float(right["assign"].mean() - right["published"].mean())
        yield at_least(
            f"{what}: linear assignment less balancing, in standard errors", difference / max(error, 1e-9), -2
        )
        yield at_least(
            f"{what}: time of published steps / linear assignment", seconds["published"] / seconds["assign"], 300
        )
        yield shown(f"{what}: time of class-balanced / linear assignment", seconds["ours"] / seconds["assign"])
        same = float((labels["ours"] == labels["published"]).mean())
        yield at_least(f"{what}: class-balanced names as the published steps", same, 1.0)


def balance_as_published(scores: NDArray[np.float64]) -> NDArray[np.int64]:
    """All labels of the plate anew at each of up to 3,000 steps of each size, as DeepNoise's code goes."""
    shares, classes = softmax(scores, axis=0), scores.shape[1]
    best, best_reached, step = np.ones(classes), -1.0, 0.01
    while step >= 1e-4:
        multipliers = best.copy()
        for _ in range(3000):
            counts = np.bincount((shares * multipliers).argmax(axis=1), minlength=classes)
            reached = round(float(np.minimum(100 * counts / len(scores), 100 / classes).sum()), 9)
            if reached > best_reached:
                best, best_reached = multipliers.copy(), reached
            multipliers[counts.argmax()] -= step
        step /= 2
    labels: NDArray[np.int64] = (shares * best).argmax(axis=1)
    return labels


def _each(way: Callable[[NDArray[np.float64]], object], blocks: Sequence[NDArray[np.float64]]) -> None:
    for block in blocks:
        way(block)


def _seconds(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start
