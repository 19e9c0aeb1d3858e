"""How often the arrangement of groups over an experiment's plates is found, refused, or wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import permutations

import numpy as np
from numpy.typing import NDArray

from assigning.bars import Row, at_least, at_most, near, shown
from assigning.layout import CLASSES, Groups, full_plates, logits
from deepnoise_core.data.plates import EvidenceKind, estimate_arrangement, group_evidence, plates_of

Orders = tuple[tuple[int, ...], ...]
ALL: Orders = tuple(permutations(range(4)))
CYCLIC: Orders = tuple(tuple((place + turn) % 4 for place in range(4)) for turn in range(4))
KINDS: tuple[EvidenceKind, ...] = ("mass", "likelihood")
EXPECTED = {0.5: (1, 6, 4, 13), 1.0: (3, 13, 12, 21), 1.5: (14, 24, 24, 24)}
"""Found of 24 experiments beforehand: hard counts over all orders and over the cyclic, soft mass likewise."""
Scores = NDArray[np.float32]
Noise = Callable[[Scores, NDArray[np.int64], np.random.Generator], Scores]


def found_rows(groups: Groups, trials: int) -> Iterator[Row]:
    """Best guesses by sums of counts and of probabilities, as published, and by evidence, as here."""
    for lead, expected in EXPECTED.items():
        right = np.zeros(4)
        guessed = dict.fromkeys(KINDS, 0)
        for trial in range(trials):
            scores, rows, truth = _experiment(groups, lead, trial)
            plates = [scores[own] for own in rows]
            hard = np.stack([_counts(plate, groups) for plate in plates])
            soft = np.stack([_mass(plate, groups) for plate in plates])
            ways = ((hard, ALL), (hard, CYCLIC), (soft, ALL), (soft, CYCLIC))
            right += [_best(totals, orders) == truth for totals, orders in ways]
            for kind in KINDS:
                evidence = [group_evidence(plate, groups, kind) for plate in plates]
                guessed[kind] += estimate_arrangement(evidence, "cyclic", threshold=-np.inf).groups == truth
        names = ("hard counts, all orders", "hard counts, cyclic", "soft mass, all orders", "soft mass, cyclic")
        for name, count, of_24 in zip(names, right, expected, strict=True):
            yield near(f"arrangement, δ {lead:g}, {name}: found", count / trials, round(of_24 / 24, 3), 0.25)
        for kind, count in guessed.items():
            yield shown(f"arrangement, δ {lead:g}, ours by {kind}, cyclic: found, none refused", count / trials)


def refusal_rows(groups: Groups, trials: int) -> Iterator[Row]:
    """What is believed at the threshold that is the default, under each kind of noise."""
    for name, noise in NOISES.items():
        for lead in (0.0, 1.0, 2.0, 3.0):
            right = wrong = 0
            for trial in range(trials):
                scores, rows, truth = _experiment(groups, lead, trial, noise)
                evidence = [group_evidence(scores[own], groups) for own in rows]
                found = estimate_arrangement(evidence, "cyclic").groups
                right, wrong = right + (found == truth), wrong + (found is not None and found != truth)
            yield at_most(f"arrangement, {name}, δ {lead:g}: believed and wrong", wrong / trials, 0.02)
            what = f"arrangement, {name}, δ {lead:g}: believed and right"
            yield at_least(what, right / trials, 0.98) if lead >= 3 else shown(what, right / trials)


def _spread(scores: Scores, _: NDArray[np.int64], random: np.random.Generator) -> Scores:
    """Wells as sure as they like: temperatures of 0.3 to 3."""
    return scores * np.exp(random.uniform(np.log(0.3), np.log(3), (len(scores), 1))).astype(np.float32)


def _bias(scores: Scores, plate: NDArray[np.int64], random: np.random.Generator) -> Scores:
    """What a plate does to its images moves a class in all of its wells."""
    return scores + random.standard_normal((4, CLASSES), dtype=np.float32)[plate]


def _plain(scores: Scores, _: NDArray[np.int64], __: np.random.Generator) -> Scores:
    return scores


def _both(scores: Scores, plate: NDArray[np.int64], random: np.random.Generator) -> Scores:
    return _spread(_bias(scores, plate, random), plate, random)


NOISES: dict[str, Noise] = {
    "plain noise": _plain,
    "temperatures of wells 0.3 to 3": _spread,
    "classes biased by plate": _bias,
    "temperatures and bias": _both,
}


def _experiment(
    groups: Groups, lead: float, trial: int, noise: Noise = _plain
) -> tuple[Scores, list[NDArray[np.int64]], tuple[int, ...]]:
    """Scores of one experiment, the rows of its plates, and the group that each holds."""
    layout = full_plates(groups, 4)
    name = f"E{trial % 4}"
    labels = layout.labels[layout.experiment == name]
    plate = layout.plate[layout.experiment == name]
    random = np.random.default_rng((5, trial))
    scores = noise(logits(labels, lead, random), plate.astype(np.int64), random)
    rows = list(plates_of(np.full(len(plate), name), plate)[name].values())
    return scores, rows, tuple(layout.held[name].values())


def _counts(scores: Scores, groups: Groups) -> NDArray[np.float64]:
    labels = scores.argmax(axis=1)
    return np.array([float(np.isin(labels, sorted(group)).sum()) for group in groups])


def _mass(scores: Scores, groups: Groups) -> NDArray[np.float64]:
    weights = np.exp(scores - scores.max(axis=1, keepdims=True))
    shares = (weights / weights.sum(axis=1, keepdims=True)).sum(axis=0)
    return np.array([float(shares[sorted(group)].sum()) for group in groups])


def _best(totals: NDArray[np.float64], orders: Orders) -> tuple[int, ...]:
    return max(orders, key=lambda order: totals[np.arange(4), order].sum())
