"""What is odd about a well's images: lost sites, files that cannot be read, another brightness than its plate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from deepnoise.reports.palette import NOTHING, Kind
from deepnoise_core.data.checks.comparison import against_plates

FINE = Kind("pale", "nothing odd")
FEW = Kind("other", "fewer sites than most of its plate", "dot")
ODD = Kind("odd", "much brighter or darker than its plate", "dot")
UNREADABLE = Kind("wrong", "image cannot be read", "cross")

_SCORE, _FACTOR = 5.0, 1.5
_SMALLEST = 1e-3


def quality(
    sites: Sequence[int],
    plates: Sequence[NDArray[np.int64]],
    brightness: NDArray[np.float64],
    channels: Sequence[str],
    faults: Mapping[int, str],
) -> list[tuple[Kind, str]]:
    """The kind of each well, and what is odd about it in words.

    Args:
        sites: usable sites of each of N wells.
        plates: wells of each plate.
        brightness: mean of each channel, [N, C], NaN where it was not looked at; may be empty.
        channels: their names.
        faults: well → why its image cannot be read.
    """
    found: list[tuple[Kind, str]] = [(NOTHING, "image not looked at")] * len(sites)
    if brightness.size:
        logs = np.log(np.maximum(brightness, _SMALLEST))
        compared = against_plates(logs, plates)
        away = np.where(
            (np.abs(compared.score) > _SCORE) & (np.abs(compared.difference) > np.log(_FACTOR)),
            compared.difference,
            0.0,
        )
        for well in np.flatnonzero(np.isfinite(logs).any(axis=1)):
            worst = int(np.abs(away[well]).argmax())
            factor = float(np.exp(away[well, worst]))
            odd = (ODD, f"{channels[worst]} has {factor:.2g} times its plate's brightness")
            found[well] = odd if away[well, worst] else (FINE, "")
    for wells in plates:
        usual = int(np.median([sites[well] for well in wells]))
        for well in wells:
            if sites[well] < usual:
                found[well] = (FEW, f"{sites[well]} of {usual} sites")
    return [(UNREADABLE, faults[well]) if well in faults else one for well, one in enumerate(found)]
