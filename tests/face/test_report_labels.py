"""Labels of points in a chart: none lies on another, on a point or outside."""

import re
from itertools import combinations, pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from deepnoise.reports.chart import Axis, Dot, Line, chart
from deepnoise.reports.labels import Box, extent, placed

FRAME = Box(0.0, 0.0, 460.0, 280.0)
POINTS = st.lists(st.tuples(st.floats(10, 450), st.floats(10, 270)), min_size=1, max_size=8)


@given(POINTS)
@settings(max_examples=60)
def test_labels_of_an_embedding_and_its_anchors_never_meet(points: list[tuple[float, float]]) -> None:
    texts = ["as predicted", "center-scale", "sphering", "", "pure signal", "pure batch", "random", "constant"]
    texts = texts[: len(points)]
    found = placed(points, texts, FRAME)
    boxes = [extent(place, text) for place, text in zip(found, texts, strict=True) if text]
    assert not any(one.meets(other) for one, other in combinations(boxes, 2))
    assert all(box.left >= 0 and box.right <= 460 and box.top >= 0 and box.bottom <= 280 for box in boxes)
    for x, y in points:
        assert not any(box.left < x < box.right and box.top < y < box.bottom for box in boxes)


def test_arrows_lead_from_step_to_step() -> None:
    steps = [(0.9, 0.1), (0.4, 0.5), (0.1, 0.9)]
    dots = [Dot(x, y, name) for (x, y), name in zip(steps, "abc", strict=True)]
    axis = Axis("", 0.0, 1.0)
    drawn = chart("", axis, axis, [Line("from step to step", steps, arrow=True)], dots)
    lines = re.findall(r'<polyline class="line k0" points="([^"]+)" marker-end="url\(#arrow\)"', drawn)
    centres = re.findall(r'<circle class="dot k0" cx="([\d.]+)" cy="([\d.]+)"', drawn)
    assert lines == [" ".join(f"{x},{y}" for x, y in pair) for pair in pairwise(centres)]
    assert drawn.count("<marker") == 1
    assert "<marker" not in chart("", axis, axis, [Line("plain", steps)], dots)
    assert np.isclose(float(centres[0][0]), 52 + 0.9 * 394, atol=0.1)
