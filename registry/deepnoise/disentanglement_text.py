"""Signal and noise as tables for a terminal."""

from __future__ import annotations

import math

from deepnoise.console import print_note, print_table
from deepnoise.disentanglement import Progress
from deepnoise_core.evaluation.disentanglement import Figure

TITLES = {
    "perturbation_probe": "perturbation probe, unseen experiments",
    "retrieval_map": "replicate retrieval, mAP",
    "fraction_retrieved": "perturbations retrieved, q < 0.05",
    "neighbour_any": "nearest neighbour a replicate",
    "neighbour_nsb": "… of another experiment",
    "neighbour_nsbp": "… and another position",
    "perturbation_r2": "variance between perturbations",
    "label_silhouette": "silhouette of perturbations",
    "experiment_probe": "experiment probe, unseen perturbations",
    "plate_probe": "plate probe, unseen perturbations",
    "position_probe": "well position probe, unseen perturbations",
    "experiment_neighbour": "nearest other one of the same experiment",
    "plate_neighbour": "… of the same plate",
    "position_neighbour": "… at the same position",
    "experiment_r2": "variance between experiments",
    "plate_r2": "variance between plates",
    "component_regression": "experiment in principal components, adjusted",
    "kbet": "kBET acceptance",
    "ilisi": "iLISI",
    "batch_silhouette": "silhouette of experiments, mixed",
}
"""Name of a figure → what a table calls it."""

_AXES = {
    "signal": "Signal: what tells perturbations",
    "noise": "Noise: what tells experiments, plates and positions",
}


def print_progress(progress: Progress) -> None:
    """Two tables, signal and noise: null, ideal, each step with its interval, and the anchors."""
    steps, anchors = list(progress.steps.values()), list(progress.anchors.values())
    columns = ["figure", "null", "ideal", *progress.steps, *progress.anchors]
    for axis, title in _AXES.items():
        rows = []
        for name, first in steps[0].on("signal" if axis == "signal" else "noise"):
            values = [interval_text(one.figures[name]) for one in steps]
            beside = [number_text(one.figures[name].value) for one in anchors]
            rows.append([TITLES[name], number_text(first.null), number_text(first.ideal), *values, *beside])
        coordinates = [number_text(getattr(one, axis)) for one in (*steps, *anchors)]
        print_table(
            title, columns, [*rows, [f"{axis} coordinate of the plane", "0.00", _ideal(axis), *coordinates]]
        )
    ranks = [
        f"{name} {one.effective_rank:.1f}" for name, one in (*progress.steps.items(), *progress.anchors.items())
    ]
    print_note(f"effective rank, of {steps[0].features} features: {', '.join(ranks)}")
    print_note(f"intervals: {steps[0].resampling}")
    for note in progress.all_notes:
        print_note(note)


def number_text(value: float) -> str:
    """Two decimals, three below a tenth, or a dash where there is no value."""
    if math.isnan(value):
        return "–"
    return f"{value:.3f}" if 0 < abs(value) < 0.1 else f"{value:.2f}"


def interval_text(figure: Figure) -> str:
    """`0.42 (0.38–0.45)`, without the brackets where there is no interval."""
    if math.isnan(figure.low):
        return number_text(figure.value)
    return f"{number_text(figure.value)} ({number_text(figure.low)}–{number_text(figure.high)})"


def _ideal(axis: str) -> str:
    return "1.00" if axis == "signal" else "0.00"
