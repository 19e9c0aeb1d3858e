"""The reliability diagram: whether a confidence of 80 % is right eight times in ten."""

from __future__ import annotations

from deepnoise.reports.chart import Axis, Dot, Line, chart
from deepnoise.reports.section import Section, fragment
from deepnoise_core.evaluation.calibration import Calibration

_SMALLEST, _LARGEST = 2.5, 9.0


def reliability(measured: Calibration, uncalibrated: Calibration | None) -> Section:
    """Accuracy by confidence of held-out wells; points below the diagonal are overconfident.

    Args:
        measured: at the temperature of the predictions.
        uncalibrated: of the logits as they are, where a temperature was fitted.
    """
    most = max((one.wells for one in measured.bins), default=1)
    dots = [
        Dot(
            one.confidence,
            one.accuracy,
            radius=round(_SMALLEST + (_LARGEST - _SMALLEST) * (one.wells / most) ** 0.5, 1),
        )
        for one in measured.bins
    ]
    across = Axis("confidence of the raw label", 0.0, 1.0, percent=True)
    upward = Axis("share named rightly", 0.0, 1.0, percent=True)
    diagonal = Line("perfect calibration", [(0, 0), (1, 1)], "reference")
    through = Line("measured", [(one.confidence, one.accuracy) for one in measured.bins], 0)
    spoken = f"reliability diagram; expected calibration error {measured.ece:.3f}"
    drawn = chart(spoken, across, upward, [diagonal, through], dots)
    rows = [("as predicted", measured)] + ([("before the temperature", uncalibrated)] if uncalibrated else [])
    gap = sum(one.wells * (one.confidence - one.accuracy) for one in measured.bins)
    return Section(
        "confidence",
        "Confidence",
        fragment("reliability.html", drawn=drawn, rows=rows, over=gap > 0, temperature=measured.temperature),
    )
