"""Variants of recipes: the figures of their seeds, and their differences to one of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import FuncFormatter, MaxNLocator, PercentFormatter

if TYPE_CHECKING:
    from deepnoise.comparisons.comparison import Figure, VariantComparison

_GREY, _COLOUR = "0.62", "#0072b2"
_LONGEST = 40
_NARROWEST = 0.02
"""What an axis shows at least: two points of a share."""


def draw_variants(comparison: VariantComparison, out: Path) -> None:
    """A row of plots for each stage: seeds with mean and deviation, and paired differences with intervals.

    Args:
        comparison: what is drawn.
        out: PNG to write.
    """
    names = [variant.name for variant in comparison.variants]
    stages = comparison.stages
    height = 0.9 + len(stages) * (0.75 + 0.32 * len(names))
    canvas = Canvas(figsize=(9, height), dpi=140, layout="constrained")
    share = comparison.metric != "nll"
    rows = canvas.subplots(len(stages), 2, squeeze=False, sharex="col", sharey=True)
    for (left, right), stage in zip(rows, stages, strict=True):
        figures = [comparison.figures[name][stage] for name in names]
        _draw_seeds(left, figures)
        _draw_differences(right, figures)
        left.set_yticks(range(len(names)), [_shortened(name) for name in names])
        left.set_ylim(len(names) - 0.5, -0.5)
        left.set_title(stage.value, loc="left", fontsize=10, fontweight="bold")
        for axes in (left, right):
            axes.spines[["top", "right"]].set_visible(False)
            axes.tick_params(axis="y", length=0)
            axes.xaxis.set_major_locator(MaxNLocator(6))
            axes.grid(axis="x", color="0.92", lw=0.8)
            axes.set_axisbelow(True)
        if share:
            left.xaxis.set_major_formatter(PercentFormatter(1.0))
            right.xaxis.set_major_formatter(FuncFormatter(_points))
    for axes in rows[-1]:
        _widen(axes)
    rows[-1][0].set_xlabel(f"{comparison.metric}: seeds, mean ± sd")
    rows[-1][1].set_xlabel(f"difference to {_shortened(comparison.baseline)}{', in points' if share else ''}")
    canvas.savefig(out)


def _draw_seeds(axes: Axes, figures: list[Figure]) -> None:
    for place, figure in enumerate(figures):
        axes.plot(figure.values, [place - 0.22] * len(figure.values), "o", color=_GREY, ms=4, alpha=0.8)
        axes.errorbar(
            figure.mean, place, xerr=figure.deviation, fmt="D", color=_COLOUR, ms=5, capsize=3, elinewidth=1.4
        )


def _draw_differences(axes: Axes, figures: list[Figure]) -> None:
    axes.axvline(0, color="0.4", lw=1)
    for place, figure in enumerate(figures):
        one = figure.difference
        if one is None:
            continue
        if one.interval:
            axes.plot(one.interval, [place] * 2, color=_COLOUR, lw=1.4, marker="|", ms=6)
        axes.plot(one.mean, place, "D", color=_COLOUR, ms=5)


def _widen(axes: Axes) -> None:
    """Show figures that are equal but for rounding as equal."""
    low, high = axes.get_xlim()
    if high - low < _NARROWEST:
        centre = (low + high) / 2
        axes.set_xlim(centre - _NARROWEST / 2, centre + _NARROWEST / 2)


def _points(value: float, _: object) -> str:
    return f"{100 * value:+.3g}".replace("-", "−") if value else "0"


def _shortened(name: str) -> str:
    """The last letters of a path that is too long, and the first of another name."""
    if len(name) <= _LONGEST:
        return name
    return f"…{name[1 - _LONGEST :]}" if "/" in name else f"{name[: _LONGEST - 1]}…"
