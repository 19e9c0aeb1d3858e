"""Which rows belong to which plate, in the order in which people number plates."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from deepnoise_core.data.names import natural_key

_Value = TypeVar("_Value", bound=np.generic)


def plates_of(experiment: ArrayLike, plate: ArrayLike) -> dict[str, dict[str, NDArray[np.int64]]]:
    """Experiment → plate → its rows, int64, ascending. Both levels in natural order: `2` before `10`."""
    rows: dict[tuple[str, str], list[int]] = {}
    for row, place in enumerate(zip(_names(experiment), _names(plate), strict=True)):
        rows.setdefault(place, []).append(row)
    layout: dict[str, dict[str, NDArray[np.int64]]] = {}
    for place in sorted(rows, key=lambda place: (natural_key(place[0]), natural_key(place[1]))):
        layout.setdefault(place[0], {})[place[1]] = np.array(rows[place], dtype=np.int64)
    return layout


def block_of(table: NDArray[_Value], rows: NDArray[np.int64]) -> NDArray[_Value]:
    """Ascending rows of a table, not copied where they follow each other, as those of a plate mostly do."""
    if len(rows) and rows[-1] - rows[0] + 1 == len(rows):
        return table[rows[0] : rows[-1] + 1]
    return table[rows]


def _names(values: ArrayLike) -> list[str]:
    return list(map(str, values if isinstance(values, list) else np.asarray(values).tolist()))
