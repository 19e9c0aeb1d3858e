"""Learning curves: what training minimised, and how often validation wells were named rightly."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from markupsafe import Markup

from deepnoise.reports.chart import Axis, Dot, Line, chart
from deepnoise.reports.section import Section, fragment
from deepnoise_core.engine.observation import LOSS, loss_names

_SPOKEN = "{name} from {first:.3g} to {last:.3g}"
Record = Mapping[str, float]


def curves(records: Sequence[Record], best_epoch: int | None) -> Section:
    """Losses and validation accuracy by epoch.

    Args:
        records: lines of `metrics.jsonl`, at least one.
        best_epoch: the epoch whose network was kept.
    """
    losses = [
        _line(name, f"train {name.removeprefix(LOSS).replace('_', ' ')}", records, kind)
        for kind, name in enumerate(loss_names(records))
    ]
    validation = _line("validation_loss", "validation cross entropy, by well", records, "reference")
    losses += [validation] if validation.points else []
    accuracy = _line("validation_accuracy", "validation accuracy", records, 0)
    return Section(
        "learning",
        "Learning",
        fragment(
            "curves.html",
            losses=_chart(losses, "loss", None),
            legend=[(line.name, line.kind) for line in losses],
            accuracy=_chart([accuracy], "accuracy of validation wells", best_epoch) if accuracy.points else None,
            best_epoch=best_epoch,
            epochs=len(records),
        ),
    )


def _line(key: str, name: str, records: Iterable[Record], kind: int | str) -> Line:
    points = [(record["epoch"], record[key]) for record in records if key in record]
    return Line(name, [(x, y) for x, y in points if math.isfinite(y)], kind)


def _chart(lines: Sequence[Line], label: str, best: int | None) -> Markup:
    """Losses from 0 up, or, where the kept epoch is told, one line of accuracies with a mark at it."""
    points = [point for line in lines for point in line.points]
    epochs, values = [x for x, _ in points] or [1.0], [y for _, y in points] or [1.0]
    share = label.startswith("accuracy")
    kept = [Dot(x, y, f"kept: {100 * y:.1f} %") for x, y in points if share and x == best]
    low, high = min(epochs), max(epochs)
    across = Axis("epoch", low, high if high > low else low + 1, whole=True)
    top = max(values) * 1.12 or 1.0
    upward = Axis(label, min(0.0, *values), min(top, 1.0) if share else top, percent=share)
    spoken = [
        _SPOKEN.format(name=line.name, first=line.points[0][1], last=line.points[-1][1])
        for line in lines
        if line.points
    ]
    return chart(f"{label} by epoch: {'; '.join(spoken)}", across, upward, lines, kept)
