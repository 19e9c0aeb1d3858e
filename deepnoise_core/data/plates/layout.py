"""Which rows belong to which plate, in the order in which people number plates."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from deepnoise_core.data.names import natural_key

_Value = TypeVar("_Value", bound=np.generic)


def plates_of(experiment: ArrayLike, plate: ArrayLike) -> dict[str, dict[str, NDArray[np.int64]]]:
    """Experiment → plate → its rows, int64, ascending. Both levels in natural order: `2` before `10`."""
    rows: dict[str, dict[str, list[int]]] = {}
    names = zip(_names(experiment), _names(plate), strict=True)
    for row, (experiment_name, plate_name) in enumerate(names):
        rows.setdefault(experiment_name, {}).setdefault(plate_name, []).append(row)
    return {
        experiment_name: {
            plate_name: np.array(rows[experiment_name][plate_name], dtype=np.int64)
            for plate_name in sorted(rows[experiment_name], key=natural_key)
        }
        for experiment_name in sorted(rows, key=natural_key)
    }


def block_of(table: NDArray[_Value], rows: NDArray[np.int64]) -> NDArray[_Value]:
    """Ascending rows of a table, not copied where they follow each other, as those of a plate mostly do."""
    if len(rows) and rows[-1] - rows[0] + 1 == len(rows):
        return table[rows[0] : rows[-1] + 1]
    return table[rows]


def _names(values: ArrayLike) -> list[str]:
    return [str(value) for value in np.asarray(values).tolist()]
