"""Which arrangements are believed at the default threshold, whatever the scores suffer from."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from bars import Row, at_least, at_most, shown

from assigning.arrangements import Experiment, Scores, experiment
from assigning.layout import CLASSES, Groups
from deepnoise_core.data.plates import THRESHOLD, estimate_arrangement, plate_evidence

LEADS = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0)
Noise = Callable[[Experiment, np.random.Generator], Scores]


@dataclass(frozen=True)
class Belief:
    """What became of simulated experiments with one noise and one lead of the true class.

    Attributes:
        noise: what the scores suffer from.
        lead: δ, in standard deviations of the noise between wells.
        trials: experiments.
        believed: share whose best arrangement leads by the threshold.
        right: share whose best arrangement is the true one, believed or not.
        wrong: share whose best arrangement is believed and not the true one.
        surest_wrong: the largest lead of an arrangement that is not the true one, in standard errors; 0 if none.
    """

    noise: str
    lead: float
    trials: int
    believed: float
    right: float
    wrong: float
    surest_wrong: float


def beliefs(groups: Groups, trials: int) -> Iterator[Belief]:
    """One for each noise and lead; wells that are all alike have no true class to lead."""
    for name, noise in NOISES.items():
        for number, lead in enumerate(LEADS if noise is not _alike else LEADS[:1]):
            yield _belief(groups, name, noise, lead, range(number * trials, (number + 1) * trials))


def belief_rows(found: Sequence[Belief]) -> Iterator[Row]:
    """What no noise may do, and what a clear lead must."""
    for name in NOISES:
        own = [one for one in found if one.noise == name]
        wrong = sum(one.wrong for one in own) / len(own)
        yield at_most(f"arrangement, {name}: believed and wrong", wrong, 0.002)
        yield shown(f"arrangement, {name}: surest wrong lead", max(one.surest_wrong for one in own))
        for one in own:
            if one.lead == LEADS[-1]:
                yield at_least(f"arrangement, {name}, δ {one.lead:g}: believed", one.believed, 0.98)


def _belief(groups: Groups, name: str, noise: Noise, lead: float, seeds: range) -> Belief:
    leads, right = np.zeros(len(seeds)), np.zeros(len(seeds), dtype=bool)
    for trial, seed in enumerate(seeds):
        clean = experiment(groups, lead, seed)
        scores = noise(clean, np.random.default_rng((6, seed)))
        evidence = [plate_evidence(scores[own], groups) for own in clean.rows]
        found = estimate_arrangement(evidence, "cyclic", threshold=0.0)
        leads[trial], right[trial] = found.certainty, found.groups == clean.held
    believed = leads >= THRESHOLD
    return Belief(
        name,
        lead,
        len(seeds),
        believed=float(believed.mean()),
        right=float(right.mean()),
        wrong=float((believed & ~right).mean()),
        surest_wrong=float(leads[~right].max(initial=0.0)),
    )


def _none(clean: Experiment, _: np.random.Generator) -> Scores:
    return clean.scores


def _shared(clean: Experiment, random: np.random.Generator) -> Scores:
    """Eight directions along which wells move many classes at once."""
    wells, classes = (_normal(random, (count, 8)) for count in clean.scores.shape)
    return clean.scores + wells @ classes.T / np.float32(np.sqrt(8))


def _temperatures(clean: Experiment, random: np.random.Generator) -> Scores:
    return clean.scores * np.exp(random.uniform(*np.log([0.3, 3]), (len(clean.plate), 1))).astype(np.float32)


def _class_bias(clean: Experiment, random: np.random.Generator) -> Scores:
    return clean.scores + 2 * _normal(random, (1, CLASSES))


def _plate_bias(clean: Experiment, random: np.random.Generator) -> Scores:
    return clean.scores + _normal(random, (4, CLASSES))[clean.plate]


def _group_bias(clean: Experiment, random: np.random.Generator) -> Scores:
    return clean.scores + np.float32(0.3) * _normal(random, (4, 4))[clean.plate][:, clean.group]


def _class_spread(clean: Experiment, random: np.random.Generator) -> Scores:
    spread = np.exp(random.uniform(*np.log([0.5, 2]), (1, CLASSES))).astype(np.float32)
    return clean.scores * spread + _normal(random, (1, CLASSES))


def _plate_spread(clean: Experiment, random: np.random.Generator) -> Scores:
    spread = np.exp(random.uniform(*np.log([0.5, 2]), (4, CLASSES))).astype(np.float32)
    return clean.scores * spread[clean.plate] + _normal(random, (4, CLASSES))[clean.plate]


def _alike(clean: Experiment, random: np.random.Generator) -> Scores:
    """No well tells anything, and each plate favours a group."""
    favour = _normal(random, (4, CLASSES)) + _normal(random, (4, 4))[:, clean.group]
    return favour[clean.plate] + np.float32(1e-3) * clean.scores


def _all(clean: Experiment, random: np.random.Generator) -> Scores:
    for noise in (_shared, _class_bias, _plate_bias, _group_bias, _temperatures):
        clean = replace(clean, scores=noise(clean, random))
    return clean.scores


def _normal(random: np.random.Generator, shape: tuple[int, ...]) -> Scores:
    return random.standard_normal(shape, dtype=np.float32)


NOISES: dict[str, Noise] = {
    "noise between wells": _none,
    "and noise that classes share": _shared,
    "and another temperature in every well, 0.3 to 3": _temperatures,
    "and a bias of each class, deviation 2": _class_bias,
    "and a bias of each class on each plate, deviation 1": _plate_bias,
    "and a bias of each group on each plate, deviation 0.3": _group_bias,
    "all of these at once": _all,
    "a bias and another spread of each class, 0.5 to 2": _class_spread,
    "a bias and another spread of each class on each plate": _plate_spread,
    "wells all alike, and plates that favour a group": _alike,
}
