"""The embedding map, coloured by what should place wells and by what should not, side by side."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepnoise.pictures.embedding_map import EmbeddingMap, Kinds
from deepnoise.reports.section import Section, fragment
from deepnoise_core.data.randomness import permutation

_SIDE, _MARGIN = 300.0, 10.0
_MOST_POINTS, _MOST_NAMED = 6_000, 12


def embedding(found: EmbeddingMap, kinds: Mapping[str, Kinds]) -> Section:
    """The same map once for each way to colour it.

    Args:
        found: where each of N wells lies.
        kinds: what a panel is coloured by → the kind of each well.
    """
    shown = permutation(len(found.points), seed=0, epoch=0, purpose="points of a map")[:_MOST_POINTS]
    places = _placed(found.points)
    return Section(
        "map",
        "Embedding map",
        fragment(
            "embedding.html",
            side=_SIDE,
            width=round(float(np.clip(60 / len(shown) ** 0.4, 2.2, 9)), 1),
            panels=[_panel(title, own, places, shown) for title, own in kinds.items()],
            axes=found.axes,
            caption=found.caption,
            left_out=len(found.points) - len(shown),
        ),
    )


def _panel(title: str, kinds: Kinds, places: NDArray[np.float64], shown: NDArray[np.int64]) -> dict[str, Any]:
    groups = []
    for kind, colour in enumerate(kinds.colours):
        own = places[shown[kinds.of_point[shown] == kind]]
        groups.append((colour, "".join(f"M{x:.1f} {y:.1f}h0" for x, y in own)))
    # Grey ones lie below the others.
    groups.sort(key=lambda group: group[0] != "#d0d0d0")
    named = np.unique(np.linspace(0, len(kinds.names) - 1, _MOST_NAMED).round().astype(int)).tolist()
    names = [(kinds.names[kind], kinds.colours[kind]) for kind in named]
    return {"title": title, "groups": groups, "names": names, "more": len(kinds.names) - len(names)}


def _placed(points: NDArray[np.float32]) -> NDArray[np.float64]:
    """Points within the panel, the same scale on both axes, upward up."""
    low, high = points.min(axis=0).astype(np.float64), points.max(axis=0).astype(np.float64)
    span = max(float((high - low).max()), 1e-9)
    middle: NDArray[np.float64] = (points - (low + high) / 2) / span * (_SIDE - 2 * _MARGIN)
    placed: NDArray[np.float64] = middle * np.array([1.0, -1.0]) + _SIDE / 2
    return placed
