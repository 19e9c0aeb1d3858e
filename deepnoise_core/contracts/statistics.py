"""Per-site pixel statistics: what normalizers are fitted on, instead of pixels or labels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class SiteStatistics:
    """Moments of every site and channel, and the domain that each site belongs to.

    Attributes:
        count: pixels a site and channel, int64 [N].
        mean: float64 [N, C].
        m2: sum of squared deviations from the mean, float64 [N, C].
        experiment: name of each site's experiment, [N].
        plate: name of each site's plate, unique within its experiment only, [N].
        role: value of `Role` of each site's well, [N].
    """

    count: NDArray[np.int64]
    mean: NDArray[np.float64]
    m2: NDArray[np.float64]
    experiment: NDArray[np.str_]
    plate: NDArray[np.str_]
    role: NDArray[np.str_]

    def __len__(self) -> int:
        return len(self.count)
