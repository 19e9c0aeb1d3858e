"""Which classes are taken for one another most, and what their wells look like."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from numpy.typing import NDArray

from deepnoise.pictures.composite import composite, plate_levels
from deepnoise_core.contracts import Predictions, Screen, Stage
from deepnoise_core.contracts.errors import PredictionsError
from deepnoise_core.data.names import natural_key, some_of
from deepnoise_core.data.scores import confidence

_PANEL = 1.7
_LONGEST = 18


@dataclass(frozen=True)
class ConfusedPair:
    """Two classes of which wells of one are taken for the other.

    Attributes:
        first: the class whose wells are taken for the other more often; the first in natural order of equals.
        second: the other.
        first_as_second: rows of the predictions that are truly `first` and predicted `second`, the surest first.
        second_as_first: the reverse.
        of_first: rows that are truly `first` and predicted so, the surest first.
        of_second: the same of `second`.
        wells: how many wells are truly of either, whatever they are predicted.
    """

    first: str
    second: str
    first_as_second: NDArray[np.int64]
    second_as_first: NDArray[np.int64]
    of_first: NDArray[np.int64]
    of_second: NDArray[np.int64]
    wells: int

    @property
    def count(self) -> int:
        """Wells taken for the other, in both directions."""
        return len(self.first_as_second) + len(self.second_as_first)


def most_confused(
    predictions: Predictions, truth: NDArray[Any], stage: Stage, *, most: int = 6
) -> list[ConfusedPair]:
    """Pairs of classes by the number of wells taken for one another, in both directions, most first.

    Equal pairs come in the natural order of their names; pairs without a confused well do not come.

    Args:
        predictions: N wells.
        truth: name of each well's true class, or None where unknown, [N]; other names than the model's are no
            part of any pair.
        stage: whose labels are looked at.
        most: pairs.

    Raises:
        PredictionsError: the predictions have no such stage.
    """
    if stage not in predictions.stages:
        known = ", ".join(one.value for one in predictions.stages)
        raise PredictionsError(f"the predictions have no stage {stage.value!r}; they have {known}")
    number = {name: place for place, name in enumerate(predictions.classes)}
    true = np.array([number.get(name, -1) for name in truth], dtype=np.int64)
    found = predictions.stages[stage]
    sure = np.lexsort((np.arange(len(true)), -confidence(predictions)))
    wrong = np.flatnonzero((true >= 0) & (found >= 0) & (true != found))
    ends = np.sort(np.stack([true[wrong], found[wrong]], axis=1), axis=1)
    pairs, counts = np.unique(ends, axis=0, return_counts=True)

    def rows(really: int, said: int) -> NDArray[np.int64]:
        own: NDArray[np.int64] = sure[(true[sure] == really) & (found[sure] == said)]
        return own

    def pair(one: int, other: int) -> ConfusedPair:
        names = predictions.classes
        if (-len(rows(one, other)), natural_key(names[one])) > (
            -len(rows(other, one)),
            natural_key(names[other]),
        ):
            one, other = other, one
        kinds = rows(one, other), rows(other, one), rows(one, one), rows(other, other)
        return ConfusedPair(names[one], names[other], *kinds, wells=int(np.isin(true, [one, other]).sum()))

    keys = [sorted(natural_key(predictions.classes[end]) for end in ends) for ends in pairs.tolist()]
    order = sorted(range(len(pairs)), key=lambda place: (-counts[place], keys[place]))
    return [pair(*pairs[place].tolist()) for place in order[:most]]


def draw_confusion(
    pairs: Sequence[ConfusedPair], predictions: Predictions, screen: Screen, *, sites: int = 2, size: int = 160
) -> Figure:
    """One line a pair: sites of the first class, of it taken for the second, of the second, and the reverse.

    Every picture is stretched by the scale of its own plate, since plates differ many times over in brightness.
    Of each kind come the surest wells, by their first sites.

    Args:
        pairs: of `most_confused`, at least one.
        predictions: N wells, those that the pairs number.
        screen: holds their sites, all of which can be read.
        sites: pictures of each kind.
        size: longer side of a picture in pixels.

    Raises:
        ImageError: a site cannot be read.
        PredictionsError: the screen lacks a well.
    """
    shown = [[rows[:sites] for rows in _kinds(pair)] for pair in pairs]
    places = _first_sites(predictions, screen)
    levels = plate_levels(screen, places)
    columns = 4 * sites
    _, height, width = screen.store.shape
    figure = Figure(
        figsize=(_PANEL * columns, (_PANEL * height / width + 0.42) * len(pairs) + 0.1),
        dpi=130,
        layout=ConstrainedLayoutEngine(w_pad=0.02, h_pad=0.03, wspace=0.0, hspace=0.0),
    )
    for axes in (grid := figure.subplots(len(pairs), columns, squeeze=False)).flat:
        axes.set_axis_off()
        # Panels without a picture would else be of another shape, and their titles on another line.
        axes.set_box_aspect(height / width)
    for line, (pair, kinds) in enumerate(zip(pairs, shown, strict=True)):
        for kind, (rows, title) in enumerate(zip(kinds, _titles(pair), strict=True)):
            grid[line, kind * sites].set_title(title, fontsize=8, loc="left")
            for place, row in enumerate(rows.tolist()):
                axes = grid[line, kind * sites + place]
                axes.imshow(composite(screen, int(places[row]), size=size, levels=levels))
                ids = predictions.ids
                name = f"{ids['experiment'][row]}/{ids['plate'][row]} {ids['well'][row]}"
                axes.text(
                    0.5, -0.03, name, fontsize=6, color="0.35", ha="center", va="top", transform=axes.transAxes
                )
    return figure


def _kinds(pair: ConfusedPair) -> tuple[NDArray[np.int64], ...]:
    return pair.of_first, pair.first_as_second, pair.of_second, pair.second_as_first


def _titles(pair: ConfusedPair) -> tuple[str, ...]:
    first, second = (
        name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1]}…" for name in (pair.first, pair.second)
    )
    named = f"{first}", f"{first}, taken for {second}", f"{second}", f"{second}, taken for {first}"
    return tuple(f"{name} ({len(rows)})" for name, rows in zip(named, _kinds(pair), strict=True))


def _first_sites(predictions: Predictions, screen: Screen) -> NDArray[np.int64]:
    """The row of the screen of each predicted well's first site, int64 [N]."""
    first: dict[str, int] = {}
    for row, well in enumerate(screen.sites["well_id"]):
        first.setdefault(well, row)
    missing = [well for well in predictions.ids["well_id"] if well not in first]
    if missing:
        raise PredictionsError(f"{screen.source}: lacks the predicted wells {some_of(missing)}")
    return np.array([first[well] for well in predictions.ids["well_id"]], dtype=np.int64)
