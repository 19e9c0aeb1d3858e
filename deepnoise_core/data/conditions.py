"""What a network is told of a site beside its image: the cell type, as the RxRx1 challenge's first place did."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from deepnoise_core.contracts.errors import ScreenError
from deepnoise_core.contracts.screens import Screen
from deepnoise_core.data.names import natural_key, some_of


def known_conditions(screen: Screen, rows: NDArray[np.int64]) -> tuple[str, ...]:
    """The cell types of these rows in natural order."""
    return tuple(sorted(screen.sites["cell_type"][rows].drop_nulls().unique().to_list(), key=natural_key))


def encode_conditions(
    screen: Screen, conditions: tuple[str, ...], needed: NDArray[np.bool_]
) -> NDArray[np.float32] | None:
    """One-hot cell types of N sites, float32 [N, T]; None where there are no conditions.

    Args:
        screen: N sites.
        conditions: the T cell types that the network was trained with.
        needed: sites that the network is shown, bool [N]; the others may be of further cell types.

    Raises:
        ScreenError: a needed site is of none of these cell types.
    """
    if not conditions:
        return None
    cell_types = screen.sites["cell_type"]
    unknown = sorted({*map(str, cell_types.filter(needed).unique())} - {*conditions}, key=natural_key)
    if unknown:
        raise ScreenError(
            f"{screen.source}: data.condition: there are sites of cell type {some_of(unknown)}, but the network "
            f"is told of {some_of(conditions)}, those of its training wells; leave the other sites out, or train "
            "with data.condition: null"
        )
    hot = [cell_types.eq_missing(name).to_numpy() for name in conditions]
    return np.stack(hot, axis=1).astype(np.float32)
