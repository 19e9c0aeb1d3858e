"""Labels that a strategy gives the wells of its pool, and finds again by the rows of a step."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from deepnoise_core.contracts import NO_LABEL, Pool, Predictions
from deepnoise_core.data.treatments import may_be_treated


class PseudoLabels(nn.Module):
    """One label or none for each of the W wells of a pool; what is known to hold no treatment never gets one.

    Attributes:
        wells: their ids, sorted, [W].
        first: place in the pool of the first site of each, int64 [W].
        labels: class index of each, or `NO_LABEL`, int64 [W]; all that is saved.
    """

    labels: Tensor
    of_row: Tensor

    def __init__(self, pool: Pool) -> None:
        super().__init__()
        wells, first, of_site = np.unique(pool.ids["well_id"].astype(str), return_index=True, return_inverse=True)
        self.wells: NDArray[np.str_] = wells
        self.first: NDArray[np.int64] = first
        self._open = may_be_treated(pool.ids["role"][first])
        of_row = np.zeros(pool.rows.max(initial=-1) + 1, dtype=np.int64)
        of_row[pool.rows] = of_site
        self.register_buffer("labels", torch.full((len(wells),), NO_LABEL))
        self.register_buffer("of_row", torch.from_numpy(of_row), persistent=False)

    @property
    def candidates(self) -> int:
        """How many wells may get a label."""
        return int(self._open.sum())

    def forward(self, rows: Tensor) -> Tensor:
        """The label of each of these rows of the screen, int64 [n]; all of them must be of the pool."""
        return self.labels[self.of_row[rows]]

    def places(self, predictions: Predictions) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Rows of predictions whose wells may get a label, and the places of these wells; both by place."""
        places = np.searchsorted(self.wells, predictions.ids["well_id"].astype(str))
        rows = np.argsort(places, kind="stable")
        rows = rows[self._open[places[rows]]]
        return rows, places[rows]

    def give(self, places: NDArray[Any], labels: NDArray[np.int64]) -> None:
        """Label the wells at these places anew."""
        at, what = (torch.from_numpy(each).to(self.labels.device) for each in (places, labels))
        self.labels[at] = what

    def given(self) -> dict[str, int]:
        """Well id → class index, of the wells that have a label."""
        labels = self.labels.cpu().numpy()
        known = labels != NO_LABEL
        return dict(zip(self.wells[known].tolist(), labels[known].tolist(), strict=True))
