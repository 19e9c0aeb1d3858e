"""Plate maps: where on its plate each well stands, and how sure the model is of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from numpy.typing import NDArray

from deepnoise_core.contracts import Predictions
from deepnoise_core.data.names import natural_key
from deepnoise_core.data.plate_format import row_name, well_position
from deepnoise_core.data.scores import confidence

_SCALE = Normalize(0.0, 1.0)
_EMPTY = "0.93"
_MOST_TICKS = 16


class _Well(NamedTuple):
    plate: str
    down: int
    across: int
    sure: float
    wrong: bool


def draw_plate_maps(
    predictions: Predictions, out: Path, *, correct: NDArray[np.bool_] | None = None
) -> Sequence[Path]:
    """One PNG an experiment with all its plates, coloured by the confidence of the raw label.

    Only the part of a plate that holds wells is drawn, whatever the plate's format. Wells that are predicted no
    class, as controls are, stay grey.

    Args:
        predictions: N wells.
        out: folder to write to; made where absent.
        correct: whether the latest stage named each well rightly, [N]; wrong wells get a cross. Without it no
            well is marked.

    Returns:
        The files written, one an experiment.
    """
    out.mkdir(parents=True, exist_ok=True)
    wrong = np.zeros(len(predictions), dtype=bool) if correct is None else ~correct
    named = predictions.unrestricted.max(axis=1) > -np.inf
    experiments = predictions.ids["experiment"][named]
    columns = (predictions.ids["plate"], predictions.ids["well"], confidence(predictions), wrong)
    shown = zip(*(column[named] for column in columns), strict=True)
    wells = [_Well(str(plate), *well_position(well), *rest) for plate, well, *rest in shown]
    written = []
    for experiment in sorted(set(experiments), key=natural_key):
        own = [well for well, name in zip(wells, experiments, strict=True) if name == experiment]
        last = list(predictions.stages)[-1].value if correct is not None and predictions.stages else ""
        path = out / f"{experiment}.png"
        _draw_experiment(str(experiment), own, last, path)
        written.append(path)
    return written


def _draw_experiment(experiment: str, wells: Sequence[_Well], stage: str, path: Path) -> None:
    plates = sorted({well.plate for well in wells}, key=natural_key)
    columns = min(len(plates), 2)
    lines = -(-len(plates) // columns)
    downs, acrosses = [well.down for well in wells], [well.across for well in wells]
    rows, across = max(downs) - min(downs) + 1, max(acrosses) - min(acrosses) + 1
    tall = min(max(4.4 * rows / across, 1.0), 5.0)
    figure = Figure(figsize=(4.6 * columns + 1.0, (tall + 0.4) * lines + 0.7), dpi=140, layout="constrained")
    axes = figure.subplots(lines, columns, squeeze=False)
    for one in axes.flat[len(plates) :]:
        one.set_axis_off()
    for one, plate in zip(axes.flat, plates, strict=False):
        _draw_plate(one, [well for well in wells if well.plate == plate])
        one.set_xlim(min(acrosses) - 0.5, max(acrosses) + 0.5)
        one.set_ylim(max(downs) + 0.5, min(downs) - 0.5)
        one.set_title(f"plate {plate}", fontsize=9, loc="left")
    figure.colorbar(ScalarMappable(_SCALE, "viridis"), ax=axes, shrink=0.8, label="confidence of the raw label")
    figure.suptitle(_title(experiment, wells, stage), x=0.01, ha="left", fontsize=11, fontweight="bold")
    figure.savefig(path)


def _title(experiment: str, wells: Sequence[_Well], stage: str) -> str:
    title = f"{experiment}: mean confidence {np.mean([well.sure for well in wells]):.0%}"
    if not stage:
        return title
    wrong = np.mean([well.wrong for well in wells])
    return f"{title}; {1 - wrong:.0%} named rightly at stage {stage} (× wrong, grey not predicted)"


def _draw_plate(axes: Axes, wells: Sequence[_Well]) -> None:
    height, width = 1 + max(well.down for well in wells), 1 + max(well.across for well in wells)
    grid = np.full((height, width), np.nan)
    for well in wells:
        grid[well.down, well.across] = well.sure
    edges: tuple[Any, Any] = (np.arange(width + 1) - 0.5, np.arange(height + 1) - 0.5)
    axes.set_facecolor(_EMPTY)
    axes.pcolormesh(*edges, np.ma.masked_invalid(grid), norm=_SCALE, cmap="viridis", edgecolor="white", lw=0.6)
    crosses = [(well.across, well.down) for well in wells if well.wrong]
    if crosses:
        size = float(np.clip(120 / max(width, height), 2.5, 7))
        outline = [withStroke(linewidth=2.4, foreground="white")]
        axes.plot(*zip(*crosses, strict=True), "x", color="tab:red", ms=size, mew=1.2, path_effects=outline)
    axes.set_aspect("equal")
    axes.set_xticks(_ticks(width), [str(column + 1) for column in _ticks(width)], fontsize=7)
    axes.set_yticks(_ticks(height), [row_name(row) for row in _ticks(height)], fontsize=7)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


def _ticks(count: int) -> range:
    return range(0, count, -(-count // _MOST_TICKS))
