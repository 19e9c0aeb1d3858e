"""Where the labels of points go, so that none lies on another, on a point or beyond the chart."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

_LETTER, _HEIGHT, _NEAR = 6.6, 12.0, 8.0
_LIFTS = (-7, 15, 4, *(lift for step in range(1, 10) for lift in (-7 - 13 * step, 15 + 13 * step)))


class Place(NamedTuple):
    """Where a text begins: its baseline, in pixels, and its left or right end by `anchor`."""

    x: float
    y: float
    anchor: str


class Box(NamedTuple):
    """A rectangle in pixels, downwards."""

    left: float
    top: float
    right: float
    bottom: float

    def meets(self, other: Box) -> bool:
        """Whether they share any of their area."""
        across = self.left < other.right and other.left < self.right
        return across and self.top < other.bottom and other.top < self.bottom


def placed(points: Sequence[tuple[float, float]], texts: Sequence[str], frame: Box) -> list[Place]:
    """A place for each text beside its point, the nearest that is free; the first where none is.

    Args:
        points: in pixels.
        texts: one a point, which may be empty.
        frame: what no text may leave.
    """
    taken = [Box(x - _NEAR, y - _NEAR, x + _NEAR, y + _NEAR) for x, y in points]
    made = []
    for (x, y), text in zip(points, texts, strict=True):
        choices = list(_around(x, y))
        boxes = [extent(one, text) for one in choices]
        free = (
            number
            for number, box in enumerate(boxes)
            if _inside(box, frame) and not any(box.meets(other) for other in taken)
        )
        best = next(free, 0)
        made.append(choices[best])
        if text:
            taken.append(boxes[best])
    return made


def _around(x: float, y: float) -> Iterator[Place]:
    """Right and left of a point, askew first, since lines come in level, then ever farther above and below."""
    for lift in _LIFTS:
        for side, anchor in ((_NEAR, "start"), (-_NEAR, "end")):
            yield Place(round(x + side, 1), round(y + lift, 1), anchor)


def extent(place: Place, text: str) -> Box:
    """What a text covers there, at about its width."""
    width = _LETTER * len(text)
    left = place.x if place.anchor == "start" else place.x - width
    return Box(left, place.y - _HEIGHT + 2, left + width, place.y + 2)


def _inside(box: Box, frame: Box) -> bool:
    return (
        frame.left <= box.left
        and box.right <= frame.right
        and frame.top <= box.top
        and box.bottom <= frame.bottom
    )
