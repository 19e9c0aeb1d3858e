"""Which classes the images alone confuse most, in words and with the wells themselves."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from deepnoise.reports.section import Section, fragment
from deepnoise.reports.wells import Wells
from deepnoise_core.contracts import Predictions, Stage
from deepnoise_core.evaluation.confusion import ConfusedPair, most_confused

SHOWN = 3
"""Wells of each kind that are shown, the surest ones."""


class Kind(NamedTuple):
    """One of the four kinds of wells of a pair: its title, how many there are, and those that are shown."""

    title: str
    total: int
    wells: Sequence[int]


def confused_pairs(predictions: Predictions, wells: Wells) -> list[ConfusedPair]:
    """The pairs of classes that raw labels confuse most, among held-out wells of known truth."""
    names = np.array([*predictions.classes, None], dtype=object)
    truth = names[np.where(wells.judged, wells.truth, -1)]
    return most_confused(predictions, truth, Stage.RAW)


def wells_shown(pairs: Iterable[ConfusedPair]) -> Iterator[int]:
    """Wells of which pictures are wanted; those of the pairs that come first come first."""
    for pair in pairs:
        for kind in _kinds(pair):
            yield from kind.wells


def confusion(pairs: Sequence[ConfusedPair], wells: Wells, pictures: Mapping[int, str]) -> Section:
    """Montages of each pair: wells of one, those of it that are taken for the other, and the reverse.

    Args:
        pairs: of `confused_pairs`.
        wells: those that the pairs number.
        pictures: well → its composite as a URI; wells without one are named alone.
    """
    judged = wells.judged
    wrong = judged & (wells.labels[Stage.RAW.value] != wells.truth)
    return Section(
        "confused",
        "Most confused",
        fragment(
            "confusion.html",
            judged=int(judged.sum()),
            wrong=int(wrong.sum()),
            covered=sum(pair.count for pair in pairs),
            pairs=[(pair, _said(pair, wells), _kinds(pair)) for pair in pairs],
            pictures=pictures,
            place=wells.place,
        ),
    )


def _kinds(pair: ConfusedPair) -> list[Kind]:
    first, second = pair.first, pair.second
    found = (
        (f"{first}, named so", pair.of_first),
        (f"{first}, taken for {second}", pair.first_as_second),
        (f"{second}, named so", pair.of_second),
        (f"{second}, taken for {first}", pair.second_as_first),
    )
    return [Kind(title, len(rows), rows[:SHOWN].tolist()) for title, rows in found]


def _said(pair: ConfusedPair, wells: Wells) -> str:
    """What is confused, and what is left of it in the last stage."""
    there, back = len(pair.first_as_second), len(pair.second_as_first)
    said = f"{_share(there, pair.wells[0])} of {pair.first} {_are(there)} taken for {pair.second}, and "
    said += f"{_share(back, pair.wells[1])} of {pair.second} for {pair.first}"
    if wells.last == Stage.RAW.value:
        return f"{said}."
    rows = np.concatenate([pair.first_as_second, pair.second_as_first])
    mended = int((wells.labels[wells.last][rows] == wells.truth[rows]).sum())
    if len(rows) == 1:
        return f"{said}. The stage {wells.last} names it {'rightly' if mended else 'wrongly, too'}."
    return f"{said}. The stage {wells.last} names {mended or 'none'} of these {len(rows)} rightly."


def _share(count: int, total: int) -> str:
    return f"{count or 'none'} of {total} {'well' if total == 1 else 'wells'}"


def _are(count: int) -> str:
    return "is" if count == 1 else "are"
