"""The ladder as a picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

COLOURS = {"raw": "#4477aa", "group": "#ccbb44", "assigned": "#228833"}


def draw_ladder(rungs: Sequence[Mapping[str, Any]], out: Path) -> None:
    """Accuracy of each rung by stage, a point a seed, beside the score of the slides."""
    figure = Figure(figsize=(9, 0.55 * len(rungs) + 1.6), dpi=140, layout="constrained")
    axes = figure.subplots()
    for place, rung in enumerate(rungs):
        for offset, (stage, colour) in enumerate(COLOURS.items()):
            values, height = rung[stage], place + 0.24 * (offset - 1)
            axes.barh(height, np.mean(values), 0.22, color=colour, alpha=0.35, label=stage if not place else None)
            axes.plot(values, [height] * len(values), "o", color=colour, markersize=4, clip_on=False)
        if rung["published"]:
            axes.plot(rung["published"] / 100, place, "|", color="0.2", markersize=26)
    axes.set_yticks(range(len(rungs)), [("(beside) " if one["beside"] else "") + one["name"] for one in rungs])
    axes.plot([], [], "|", color="0.2", markersize=10, label="slides (RxRx1, another metric)")
    axes.set_ylim(len(rungs) - 0.4, -0.6)
    axes.set_xlim(0, 1.01)
    axes.xaxis.set_major_formatter(PercentFormatter(1.0))
    axes.set_xlabel("accuracy on held-out experiments of the simulated screen")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=8, loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=4)
    figure.savefig(out)
