"""What is known of each well: its perturbation, and the circumstances that should not show in its embedding."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepnoise_core.contracts.errors import PredictionsError


@dataclass(frozen=True)
class Factors:
    """Names of N rows, each [N]; rows of the same experiment, plate and well are of one well.

    Attributes:
        perturbation: what the well received.
        experiment: the batch of plates.
        plate: unique within its experiment.
        well: position on the plate, e.g. `B02`.
        cell_type: within which all is measured; one for all where None.
    """

    perturbation: NDArray[Any]
    experiment: NDArray[Any]
    plate: NDArray[Any]
    well: NDArray[Any]
    cell_type: NDArray[Any] | None = None

    def __len__(self) -> int:
        return len(self.perturbation)


@dataclass(frozen=True)
class Codes:
    """The factors of n rows of one cell type as numbers from 0, in the order of their names; int64 [n] each.

    Attributes:
        perturbation: what the well received.
        experiment: the batch.
        plate: a plate of an experiment.
        position: the well's place, the same number on every plate.
        site: the well itself; several rows where they are sites.
    """

    perturbation: NDArray[np.int64]
    experiment: NDArray[np.int64]
    plate: NDArray[np.int64]
    position: NDArray[np.int64]
    site: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.perturbation)


def by_cell_type(factors: Factors) -> dict[str, tuple[NDArray[np.int64], Codes]]:
    """Rows and codes of each cell type, in an order of rows that the order of the input does not change.

    Raises:
        PredictionsError: a column has another length, or a perturbation is not known.
    """
    columns = [factors.perturbation, factors.experiment, factors.plate, factors.well]
    cells = np.full(len(factors), "all") if factors.cell_type is None else factors.cell_type
    lengths = {len(column) for column in (*columns, cells)}
    if len(lengths) > 1:
        raise PredictionsError(f"the factors have {sorted(lengths)} rows; each must name every row")
    unknown = sum(name is None or name == "" for name in factors.perturbation.tolist())
    if unknown:
        raise PredictionsError(f"{unknown} of {len(factors)} rows have no perturbation; leave them out")
    perturbation, experiment, plate, well, cell = (_coded(column) for column in (*columns, cells))
    names = np.unique(cells.astype(str))
    order = np.lexsort((perturbation, well, plate, experiment))
    made = {}
    for number, name in enumerate(names.tolist()):
        rows = order[cell[order] == number]
        plates = _coded_pairs(experiment[rows], plate[rows])
        codes = Codes(
            perturbation=_coded(perturbation[rows]),
            experiment=_coded(experiment[rows]),
            plate=plates,
            position=_coded(well[rows]),
            site=_coded_pairs(plates, well[rows]),
        )
        made[name] = rows, codes
    return made


def _coded(names: NDArray[Any]) -> NDArray[np.int64]:
    values = names if names.dtype.kind in "iu" else names.astype(str)
    return np.unique(values, return_inverse=True)[1].astype(np.int64)


def _coded_pairs(first: NDArray[np.int64], second: NDArray[np.int64]) -> NDArray[np.int64]:
    return _coded(first * (second.max(initial=0) + 1) + second)
