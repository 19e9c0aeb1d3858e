"""Signal apart from noise: two axes and two tables, with anchors of known content beside the measurement."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from deepnoise.disentanglement_text import TITLES
from deepnoise.reports.chart import Axis, Dot, Line, chart
from deepnoise.reports.section import Section, fragment

_LOWEST = -0.05

Measured = Mapping[str, Any]


def separation(
    embeddings: Mapping[str, Measured], anchors: Mapping[str, Measured], notes: Sequence[str]
) -> Section:
    """The panel.

    Args:
        embeddings: name → what `Disentanglement.as_dict` gives of it, in the order of the steps.
        anchors: the same of embeddings whose content is known.
        notes: what a reader of the figures must know.
    """
    first = next(iter(embeddings.values()))
    return Section(
        "separation",
        "Signal apart from noise",
        fragment(
            "separation.html",
            plane=_plane(embeddings, anchors) if any(_dots(embeddings, 0)) else None,
            tables=[
                (title, list(_rows(axis, embeddings, anchors)))
                for axis, title in (
                    ("signal", "Signal: what the embedding tells of perturbations"),
                    ("noise", "Noise: what it tells of experiments, plates and positions"),
                )
            ],
            names=list(embeddings),
            anchors=list(anchors),
            first=first,
            ranks=[(name, one["effective_rank"]) for name, one in embeddings.items()],
            notes=notes,
        ),
    )


def _plane(embeddings: Mapping[str, Measured], anchors: Mapping[str, Measured]) -> Any:
    dots = [*_dots(anchors, "reference"), *_dots(embeddings, 0)]
    steps = [(dot.x, dot.y) for dot in _dots(embeddings, 0)]
    lowest = min(_LOWEST, *(value for dot in dots for value in (dot.x, dot.y)))
    spoken = "; ".join(f"{dot.label}: signal {dot.x:.2f}, noise {dot.y:.2f}" for dot in dots)
    across = Axis("signal: perturbations told, 0 chance, 1 certainty", lowest, 1.05)
    upward = Axis("noise: largest leakage of a probe", lowest, 1.05)
    lines = [Line("from step to step", steps, 0, arrow=True)] if len(steps) > 1 else []
    return chart(f"signal and noise of embeddings: {spoken}", across, upward, lines, dots)


def _dots(measured: Mapping[str, Measured], kind: int | str) -> Iterator[Dot]:
    for name, one in measured.items():
        if one["signal"] is not None and one["noise"] is not None:
            yield Dot(one["signal"], one["noise"], name, kind, radius=4.0 if kind == "reference" else 6.0)


def _rows(
    axis: str, embeddings: Mapping[str, Measured], anchors: Mapping[str, Measured]
) -> Iterator[dict[str, Any]]:
    first = next(iter(embeddings.values()))["figures"]
    for key, figure in first.items():
        if figure["axis"] == axis:
            yield {
                "name": TITLES[key],
                "null": figure["null"],
                "ideal": figure["ideal"],
                "own": [one["figures"][key] for one in embeddings.values()],
                "anchors": [one["figures"][key]["value"] for one in anchors.values()],
            }
