"""The summary: what was predicted, by which rules, and how well; never one number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from deepnoise.evaluation_text import stage_means
from deepnoise.reports.notes import folded
from deepnoise.reports.section import Section, fragment
from deepnoise_core.evaluation.accuracy import Evaluation


@dataclass(frozen=True)
class Overview:
    """What was predicted.

    Attributes:
        facts: name → what it is, in the order in which they are shown.
        transductive: what was used of the predicted screen beyond each well's own images.
        sentences: heading → what to take home.
        notes: what is missing, and what a reader of the figures must know.
    """

    facts: Mapping[str, str]
    transductive: Sequence[str]
    sentences: Mapping[str, str]
    notes: Sequence[str]


def summary(overview: Overview, evaluation: Evaluation | None) -> Section:
    """What was predicted, and accuracy by stage where labels are known."""
    return Section(
        "summary",
        "Summary",
        fragment(
            "summary.html",
            overview=overview,
            evaluation=evaluation,
            rows=[] if evaluation is None else _stages(evaluation),
            flips=[] if evaluation is None else list(evaluation.flips.items()),
            tops=[] if evaluation is None else _tops(evaluation),
            parts=[] if evaluation is None else _breakdowns(evaluation),
            notes=folded(overview.notes),
        ),
    )


def _stages(evaluation: Evaluation) -> list[dict[str, Any]]:
    return [
        {
            "stage": stage.value,
            "means": stage_means(stage, evaluation.unit),
            "one": one,
            "interval": evaluation.intervals.get(stage),
        }
        for stage, one in evaluation.stages.items()
    ]


def _tops(evaluation: Evaluation) -> list[int]:
    """The numbers k > 1 for which any stage has a figure."""
    found = [
        k for one in evaluation.stages.values() for k, share in one.top.items() if k > 1 and share is not None
    ]
    return sorted(set(found))


def _breakdowns(evaluation: Evaluation) -> list[dict[str, Any]]:
    stages = [stage.value for stage in evaluation.stages]
    return [
        {"column": column.replace("_", " "), "stages": stages, "rows": list(own.items())}
        for column, own in evaluation.by.items()
        if len(own) > 1
    ]
