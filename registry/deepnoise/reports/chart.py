"""Small line and dot charts as inline SVG, coloured by the page's own style."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from markupsafe import Markup
from matplotlib.ticker import MaxNLocator

from deepnoise.reports.labels import Box, placed
from deepnoise.reports.section import fragment

WIDTH, HEIGHT = 460.0, 280.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 52.0, 14.0, 12.0, 42.0
_TICKS = 6


@dataclass(frozen=True)
class Axis:
    """One axis: its label and the values at its two ends.

    `percent` writes ticks as shares of a hundred, `whole` puts them at whole numbers.
    """

    label: str
    low: float
    high: float
    percent: bool = False
    whole: bool = False

    def ticks(self) -> list[tuple[float, str]]:
        """Values and how they are written."""
        steps = [1, 2, 5, 10] if self.whole else [1, 2, 2.5, 5, 10]
        found = MaxNLocator(_TICKS, steps=steps, integer=self.whole).tick_values(self.low, self.high)
        return [(value, self._written(value)) for value in map(float, found) if self.low <= value <= self.high]

    def _written(self, value: float) -> str:
        return f"{100 * value:.3g} %" if self.percent else f"{value:.4g}"


@dataclass(frozen=True)
class Line:
    """Points joined by a line; `kind` is its style: 0 to 7, or `reference`; arrows go from each to the next."""

    name: str
    points: Sequence[tuple[float, float]]
    kind: int | str = 0
    arrow: bool = False


@dataclass(frozen=True)
class Dot:
    """A point with a label beside it; `low` and `high` of either axis draw its interval."""

    x: float
    y: float
    label: str = ""
    kind: int | str = 0
    x_interval: tuple[float, float] | None = None
    y_interval: tuple[float, float] | None = None
    radius: float = 4.0


def chart(title: str, x: Axis, y: Axis, lines: Iterable[Line] = (), dots: Iterable[Dot] = ()) -> Markup:
    """A chart; `title` is read aloud in its place."""

    def across(value: float) -> float:
        return round(_LEFT + (value - x.low) / (x.high - x.low) * (WIDTH - _LEFT - _RIGHT), 1)

    def down(value: float) -> float:
        return round(HEIGHT - _BOTTOM - (value - y.low) / (y.high - y.low) * (HEIGHT - _TOP - _BOTTOM), 1)

    drawn = [
        (line, " ".join(f"{across(a)},{down(b)}" for a, b in part))
        for line in lines
        for part in (pairwise(line.points) if line.arrow else [line.points])
    ]
    placing = list(dots)
    points = [(across(dot.x), down(dot.y)) for dot in placing]
    labels = placed(points, [dot.label for dot in placing], Box(_LEFT, 0.0, WIDTH, HEIGHT - _BOTTOM))
    drawn_dots = [
        {
            "dot": dot,
            "x": point[0],
            "y": point[1],
            "x_ends": [across(value) for value in dot.x_interval or ()],
            "y_ends": [down(value) for value in dot.y_interval or ()],
            "label": label,
        }
        for dot, point, label in zip(placing, points, labels, strict=True)
    ]
    frame = {"left": _LEFT, "right": WIDTH - _RIGHT, "top": _TOP, "bottom": HEIGHT - _BOTTOM}
    return fragment(
        "chart.svg",
        title=title,
        width=WIDTH,
        height=HEIGHT,
        frame=frame,
        x_label=x.label,
        y_label=y.label,
        x_ticks=[(across(value), text) for value, text in x.ticks()],
        y_ticks=[(down(value), text) for value, text in y.ticks()],
        lines=drawn,
        dots=drawn_dots,
    )
