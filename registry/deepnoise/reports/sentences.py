"""What a biologist should take home, in three sentences: how sure, biology or plate, what to look at."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from deepnoise.console import percent
from deepnoise.reports.wells import Wells, flips
from deepnoise_core.contracts import Stage
from deepnoise_core.evaluation.accuracy import Evaluation
from deepnoise_core.evaluation.disentanglement import Disentanglement

_SURE, _LITTLE = 0.9, 0.1


def how_sure(wells: Wells, evaluation: Evaluation | None) -> str:
    """How often the wells are named rightly beside chance, and whether confidence tells when."""
    shown = np.isfinite(wells.sure)
    if evaluation is None:
        median = percent(float(np.median(wells.sure[shown]))) if shown.any() else "none"
        return (
            f"Nobody can say how often these labels are right, since no held-out well has a known one; the "
            f"median confidence is {median}, which is the model's own opinion of itself."
        )
    stage, one = list(evaluation.stages.items())[-1]
    said = f"Of {evaluation.wells:,} held-out {evaluation.unit}s {percent(one.accuracy)} are named rightly"
    if interval := evaluation.intervals.get(stage):
        said += f" (other experiments of this kind may give {percent(interval[0])} to {percent(interval[1])})"
    said += f", where guessing gives {percent(evaluation.chance)}"
    counted = shown & wells.known & (wells.ids["part"] == "test") & (wells.sure >= _SURE)
    if counted.any():
        right = float((wells.labels[wells.last] == wells.truth)[counted].mean())
        said += f"; of the {counted.sum():,} with a confidence above 90 %, {percent(right)} are right"
    else:
        said += "; no held-out well reaches a confidence of 90 %"
    return f"{said}."


def biology_or_plate(evaluation: Evaluation | None, measured: Disentanglement | None) -> str:
    """What the images tell by themselves, what the plates add, and what of the batch shows in the embedding."""
    parts = []
    if evaluation is not None:
        stages = list(evaluation.stages)
        first, last = stages[0], stages[-1]
        alone, final = evaluation.stages[first].accuracy, evaluation.stages[last].accuracy
        parts.append(f"The images alone name {percent(alone)} rightly")
        if first is not last:
            verb = "adds" if final >= alone else "takes"
            parts[-1] += f", and what is known of the plates {verb} {100 * abs(final - alone):.1f} points"
        named = {name: own[Stage(last).value] for name, own in evaluation.by["experiment"].items()}
        if len(named) > 1:
            low, high = min(named, key=named.__getitem__), max(named, key=named.__getitem__)
            if named[low] < named[high]:
                parts[-1] += (
                    f"; experiments differ from {percent(named[low])} ({low}) to {percent(named[high])} ({high})"
                )
    if measured is not None and np.isfinite(measured.signal) and np.isfinite(measured.noise):
        parts.append(
            f"from chance (0) to certainty (1), the embedding tells perturbations at {measured.signal:.2f} and "
            f"experiments, plates or positions at {measured.noise:.2f}, so "
            f"{'hardly anything of the batch' if measured.noise <= _LITTLE else 'the batch still'} shows in it"
        )
    elif not parts:
        parts.append("Whether this is biology or the plate cannot be told without labels of held-out wells")
    return "; ".join(parts) + "."


def what_to_look_at(wells: Wells, evaluation: Evaluation | None) -> str:
    """The plate and the wells to open first."""
    unseen = wells.ids["part"] == "test"
    shown = unseen if unseen.any() else np.ones(len(wells), dtype=bool)
    changed = sum(kind.mark != "" for kind, own in zip(flips(wells), shown, strict=True) if own)
    said = list(_plate_to_open(wells, evaluation))
    if changed:
        said.append(f"the {changed:,} wells whose label the knowledge of plates changed (colour by Changes)")
    unsure = wells.sure[shown & np.isfinite(wells.sure)]
    if len(unsure):
        said.append(
            f"the least sure wells, of which a tenth lie below {percent(float(np.quantile(unsure, 0.1)))}"
        )
    return f"Look first at {'; then at '.join(said)}." if said else "There is nothing to look at."


def _plate_to_open(wells: Wells, evaluation: Evaluation | None) -> Iterator[str]:
    if evaluation is not None and len(evaluation.by["plate"]) > 1:
        last = list(evaluation.stages)[-1].value
        plates: Mapping[str, Mapping[str, float]] = evaluation.by["plate"]
        worst = min(plates, key=lambda name: plates[name][last])
        yield f"plate {worst}, which does worst with {percent(plates[worst][last])}"
    elif evaluation is None and np.isfinite(wells.sure).any():
        names = [f"{a}/{b}" for a, b in zip(wells.ids["experiment"], wells.ids["plate"], strict=True)]
        sure = np.nan_to_num(wells.sure)
        means = {name: sure[[own == name for own in names]].mean() for name in dict.fromkeys(names)}
        if len(means) > 1:
            worst = min(means, key=means.__getitem__)
            yield f"plate {worst}, of which the model is least sure"
