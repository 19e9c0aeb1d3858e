"""Learning curves of a run."""

from __future__ import annotations

import json
import math
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from deepnoise_core.engine.observation import LOSS, loss_names


def draw_curves(metrics: Path, out: Path, *, title: str) -> None:
    """Losses, and validation accuracy where there is any, by epoch.

    Args:
        metrics: a run's `metrics.jsonl`.
        out: PNG to write.
        title: above the plots.
    """
    records = [json.loads(line) for line in metrics.read_text().splitlines()]
    figure = Figure(figsize=(9, 3.4), dpi=140, layout="constrained")
    losses, accuracy = figure.subplots(1, 2)
    _draw_losses(losses, records)
    _draw_accuracy(accuracy, records)
    figure.suptitle(title, x=0.01, ha="left", fontsize=11, fontweight="bold")
    figure.savefig(out)


def _draw_losses(axes: Axes, records: list[dict[str, float]]) -> None:
    epochs = [record["epoch"] for record in records]
    for name in loss_names(records):
        values = [record.get(name, math.nan) for record in records]
        axes.plot(epochs, values, label=f"train {name.removeprefix(LOSS).replace('_', ' ')}")
    if "validation_loss" in records[0]:
        validation = [record["validation_loss"] for record in records]
        axes.plot(epochs, validation, "--", color="0.35", label="validation cross entropy (wells)")
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False, fontsize=8, loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=2)
    _finish(axes, "loss")


def _draw_accuracy(axes: Axes, records: list[dict[str, float]]) -> None:
    if "validation_accuracy" not in records[0]:
        axes.text(0.5, 0.5, "no validation wells", ha="center", transform=axes.transAxes, color="0.4")
        axes.set_axis_off()
        return
    epochs = [record["epoch"] for record in records]
    values = [record["validation_accuracy"] for record in records]
    axes.plot(epochs, values, color="tab:green")
    best = max(range(len(values)), key=values.__getitem__)
    axes.plot(epochs[best], values[best], "o", color="tab:green")
    axes.annotate(
        f"{values[best]:.1%}", (epochs[best], values[best]), (-4, 6), textcoords="offset points", ha="right"
    )
    axes.set_ylim(0, 1)
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    _finish(axes, "validation accuracy (wells, raw)")


def _finish(axes: Axes, label: str) -> None:
    axes.set_xlabel("epoch")
    axes.set_ylabel(label)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.spines[["top", "right"]].set_visible(False)
