"""Evaluations as a terminal shows them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from deepnoise.console import percent, print_note, print_table
from deepnoise_core.contracts import Stage
from deepnoise_core.evaluation.accuracy import Evaluation
from deepnoise_core.evaluation.calibration import Calibration
from deepnoise_core.evaluation.comparison import Comparison, Gain
from deepnoise_core.evaluation.intervals import LEVEL, Interval

_STAGE_MEANS = {
    Stage.RAW: "each {} by itself",
    Stage.GROUP: "within the plate's group",
    Stage.ASSIGNED: "balanced over the plate",
}
_BREAKDOWNS = ("cell_type", "experiment")
_INTERVAL = f"{100 * LEVEL:.0f} % interval"
_FEW_EXPERIMENTS = 10


def print_evaluation(evaluation: Evaluation, *, plates: bool = False) -> None:
    """Tables for a terminal: stages first, then what each changed, confidence, cell types and experiments.

    Args:
        evaluation: what is shown.
        plates: whether each plate has a line.
    """
    _print_stages(evaluation)
    _print_flips(evaluation)
    _print_calibration(evaluation)
    stages = [stage.value for stage in evaluation.stages]
    for column in (*_BREAKDOWNS, "plate") if plates else _BREAKDOWNS:
        by = evaluation.by[column]
        rows = [
            [name, f"{own['wells']:,.0f}", *(percent(own[stage]) for stage in stages)] for name, own in by.items()
        ]
        print_table(f"By {column.replace('_', ' ')}", [column, f"{evaluation.unit}s", *stages], rows)
    for text in notes_of(evaluation):
        print_note(text)


def print_comparison(comparison: Comparison) -> None:
    """Tables for a terminal: accuracy by stage, gains over the first, and raw accuracy by experiment."""
    evaluations = comparison.evaluations
    first, *others = evaluations
    one = evaluations[first]
    stages = list(dict.fromkeys(stage for own in evaluations.values() for stage in own.stages))
    rows = [
        [name, *(_accuracy(own, stage) for stage in stages), *_confidence(own.calibration)[:1]]
        for name, own in evaluations.items()
    ]
    title = f"Accuracy of the same {one.wells:,} held-out {one.unit}s"
    print_table(title, ["predictions", *(stage.value for stage in stages), "ECE"], rows)
    rows = [[name, *(_gain(comparison.gains[name].get(stage)) for stage in stages)] for name in others]
    print_table(f"Gain over {first}, in points", ["predictions", *(stage.value for stage in stages)], rows)
    experiments = one.by["experiment"]
    rows = [
        [name, *(percent(own.by["experiment"][name][Stage.RAW.value]) for own in evaluations.values())]
        for name in experiments
    ]
    print_table("Raw accuracy by experiment", ["experiment", *evaluations], rows)
    print_note(f"protocol {one.protocol.value}, unit {one.unit}")
    for name, own in evaluations.items():
        print_note(f"{name} uses {', '.join(own.transductive) or 'nothing'} of the test screen")
    print_note(_about_intervals(len(experiments)))


def stage_means(stage: Stage, unit: str) -> str:
    """How a stage names each unit, `well` or `site`, in a few words."""
    return _STAGE_MEANS[stage].format(unit)


def notes_of(evaluation: Evaluation) -> list[str]:
    """What a reader of the figures must know, a line each."""
    return [*_notes(evaluation)]


def _notes(evaluation: Evaluation) -> Iterator[str]:
    unit = evaluation.unit
    yield f"protocol {evaluation.protocol.value}, unit {unit}"
    yield _about_intervals(len(evaluation.by["experiment"]))
    if evaluation.transductive:
        yield f"uses of the test screen: {', '.join(evaluation.transductive)}"
    if evaluation.calibration is not None and evaluation.calibration.temperature is None:
        yield "confidence is that of the logits as they are: no temperature was fitted for these predictions"
    if evaluation.unlabelled:
        yield f"left out {evaluation.unlabelled} {unit}s without a label"
    if evaluation.unseen_class:
        yield f"left out {evaluation.unseen_class} {unit}s of classes that the model never saw"
    yield from evaluation.notes


def _about_intervals(experiments: int) -> str:
    if experiments < 2:
        return "one experiment: no interval, since nothing tells how another would do"
    rough = ", too narrow with so few of them" if experiments < _FEW_EXPERIMENTS else ""
    return f"intervals: {100 * LEVEL:.0f} %, by drawing {experiments} experiments with replacement{rough}"


def _print_stages(evaluation: Evaluation) -> None:
    numbers = [k for k in next(iter(evaluation.stages.values())).top if k > 1]
    rows = [
        [
            stage.value,
            stage_means(stage, evaluation.unit),
            percent(one.accuracy),
            _ends(evaluation.intervals.get(stage)),
            percent(one.balanced),
            *(percent(one.top[k]) for k in numbers),
            percent(one.chance),
        ]
        for stage, one in evaluation.stages.items()
    ]
    title = f"Accuracy of {evaluation.wells:,} held-out {evaluation.unit}s among {evaluation.classes:,} classes"
    tops = [f"top {k}" for k in numbers]
    print_table(title, ["stage", "labels", "accuracy", _INTERVAL, "balanced", *tops, "chance"], rows)


def _print_flips(evaluation: Evaluation) -> None:
    rows = [
        [
            f"{own.before.value} to {stage.value}",
            f"{own.wrong_to_right:,}",
            f"{own.right_to_wrong:,}",
            f"{own.wrong_to_wrong:,}",
            percent(own.changed),
        ]
        for stage, own in evaluation.flips.items()
    ]
    if rows:
        columns = ["stage", "mended", "spoilt", "still wrong", "share changed"]
        print_table("Labels that change from stage to stage", columns, rows)


def _print_calibration(evaluation: Evaluation) -> None:
    if evaluation.calibration is None:
        return
    temperature = evaluation.calibration.temperature
    rows = [["as they are", *_confidence(evaluation.uncalibrated or evaluation.calibration)]]
    if temperature is not None:
        rows.append([f"at temperature {temperature:.2f}", *_confidence(evaluation.calibration)])
    columns = ["logits", "ECE", "NLL", "mean confidence", "area under risk-coverage"]
    print_table("Confidence of raw labels", columns, rows)


def _confidence(one: Calibration | None) -> Sequence[str]:
    if one is None:
        return ["–"] * 4
    wells = sum(own.wells for own in one.bins)
    mean = sum(own.wells * own.confidence for own in one.bins) / wells
    return [percent(one.ece), f"{one.nll:.2f}", percent(mean), f"{one.aurc:.3f}"]


def _accuracy(evaluation: Evaluation, stage: Stage) -> str:
    if stage not in evaluation.stages:
        return "–"
    interval = evaluation.intervals.get(stage)
    ends = f" ({_ends(interval)})" if interval else ""
    return f"{percent(evaluation.stages[stage].accuracy)}{ends}"


def _ends(interval: Interval | None) -> str:
    return f"{100 * interval[0]:.1f} to {100 * interval[1]:.1f}" if interval else "–"


def _gain(gain: Gain | None) -> str:
    if gain is None:
        return "–"
    ends = f" ({100 * gain.interval[0]:+.1f} to {100 * gain.interval[1]:+.1f})" if gain.interval else ""
    return f"{100 * gain.mean:+.1f}{ends}"
