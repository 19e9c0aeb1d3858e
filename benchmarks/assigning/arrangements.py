"""How often the arrangement of groups over an experiment's plates is found."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import permutations

import numpy as np
from bars import Row, near, shown
from numpy.typing import NDArray

from assigning.layout import CLASSES, Groups, full_plates, logits
from deepnoise_core.data.plates import EvidenceKind, estimate_arrangement, plate_evidence, plates_of

Orders = tuple[tuple[int, ...], ...]
ALL: Orders = tuple(permutations(range(4)))
CYCLIC: Orders = tuple(tuple((place + turn) % 4 for place in range(4)) for turn in range(4))
KINDS: tuple[EvidenceKind, ...] = ("mass", "likelihood")
EXPECTED = {0.5: (1, 6, 4, 13), 1.0: (3, 13, 12, 21), 1.5: (14, 24, 24, 24)}
"""Found of 24 experiments beforehand: hard counts over all orders and over the cyclic, soft mass likewise."""
Scores = NDArray[np.float32]


@dataclass(frozen=True)
class Experiment:
    """One simulated experiment.

    Attributes:
        scores: logits, float32 [N, 1108].
        plate: number of each well's plate, 0 to 3, [N].
        rows: of each plate.
        held: the group that each plate holds.
        group: of each class, [1108].
    """

    scores: Scores
    plate: NDArray[np.int64]
    rows: tuple[NDArray[np.int64], ...]
    held: tuple[int, ...]
    group: NDArray[np.int64]


def found_rows(groups: Groups, trials: int) -> Iterator[Row]:
    """Best guesses by sums of counts and of probabilities, as published, and by evidence, as here."""
    for lead, expected in EXPECTED.items():
        right = np.zeros(4)
        guessed = dict.fromkeys(KINDS, 0)
        for trial in range(trials):
            clean = experiment(groups, lead, trial)
            plates, truth = [clean.scores[own] for own in clean.rows], clean.held
            hard = np.stack([_counts(plate, groups) for plate in plates])
            soft = np.stack([_mass(plate, groups) for plate in plates])
            ways = ((hard, ALL), (hard, CYCLIC), (soft, ALL), (soft, CYCLIC))
            right += [_best(totals, orders) == truth for totals, orders in ways]
            for kind in KINDS:
                evidence = [plate_evidence(plate, groups, kind) for plate in plates]
                guessed[kind] += estimate_arrangement(evidence, "cyclic", threshold=0.0).groups == truth
        names = ("hard counts, all orders", "hard counts, cyclic", "soft mass, all orders", "soft mass, cyclic")
        for name, count, of_24 in zip(names, right, expected, strict=True):
            yield near(f"arrangement, δ {lead:g}, {name}: found", count / trials, round(of_24 / 24, 3), 0.25)
        for kind, count in guessed.items():
            yield shown(f"arrangement, δ {lead:g}, ours by {kind}, cyclic: found, none refused", count / trials)


def experiment(groups: Groups, lead: float, trial: int) -> Experiment:
    """Four full plates that turn with the trial, with noise between wells and a lead of the true class."""
    layout = full_plates(groups, 4)
    name = f"E{trial % 4}"
    own = layout.experiment == name
    labels, plate = layout.labels[own], layout.plate[own]
    scores = logits(labels, lead, np.random.default_rng((5, trial)))
    rows = tuple(plates_of(np.full(len(plate), name), plate)[name].values())
    group = np.array(
        [next(number for number, one in enumerate(groups) if label in one) for label in range(CLASSES)]
    )
    return Experiment(scores, plate.astype(np.int64), rows, tuple(layout.held[name].values()), group)


def _counts(scores: Scores, groups: Groups) -> NDArray[np.float64]:
    labels = scores.argmax(axis=1)
    return np.array([float(np.isin(labels, sorted(group)).sum()) for group in groups])


def _mass(scores: Scores, groups: Groups) -> NDArray[np.float64]:
    weights = np.exp(scores - scores.max(axis=1, keepdims=True))
    shares = (weights / weights.sum(axis=1, keepdims=True)).sum(axis=0)
    return np.array([float(shares[sorted(group)].sum()) for group in groups])


def _best(totals: NDArray[np.float64], orders: Orders) -> tuple[int, ...]:
    return max(orders, key=lambda order: totals[np.arange(4), order].sum())
