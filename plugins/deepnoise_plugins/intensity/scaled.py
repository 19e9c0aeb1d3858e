"""What the normalizers share: each channel minus a centre, over a spread, of an image or of a pool of sites."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from deepnoise_core.contracts import Level, Measure, ReferenceWells, SiteStatistics
from deepnoise_core.contracts.errors import StatisticsError
from deepnoise_core.data.names import some_of
from deepnoise_core.data.statistics import Pools, reference_pools
from deepnoise_plugins.intensity.affine import standardize
from deepnoise_plugins.intensity.jitter import jittered
from deepnoise_plugins.intensity.options import ScaleOptions

Scale = tuple[NDArray[np.float64], NDArray[np.float64]]
"""Centre and spread of each pool or image and of each channel, float64 [P, C] or [B, C] each."""


class Scaled(ABC):
    """(x − centre) / spread, where both are of the image itself (level `site`) or of a pool of reference sites.

    No label is looked at. Sites of a test screen are measured by sites of that screen, however, so every level
    but `site` is transductive.
    """

    measure: Measure

    def __init__(self, options: ScaleOptions) -> None:
        self.options = options
        self.needs: tuple[Measure, ...] = () if options.level == "site" else (self.measure,)
        self.transductive = used(options.level, options.reference)
        self.notes: tuple[str, ...] = ()
        self._pool = np.zeros(0, dtype=np.int64)
        self._centre = self._spread = np.zeros((0, 0))

    @abstractmethod
    def pooled(self, statistics: SiteStatistics, pools: Pools) -> Scale:
        """Centre and spread of the values of each pool."""

    @abstractmethod
    def own(self, images: Tensor, values: Tensor) -> Scale:
        """Centre and spread of each image: raw [B, C, H, W], and as values."""

    def values(self, images: Tensor, rows: NDArray[np.int64]) -> Tensor:
        """What is centred and divided, as a new float32 tensor [B, C, H, W]."""
        return images.to(torch.float32, copy=True)

    def fit(self, statistics: SiteStatistics) -> None:
        """Measure each pool of reference sites, exactly; nothing where an image is measured by itself.

        Raises:
            StatisticsError: a group has too few reference sites, or, where that is an error, no spread.
        """
        if self.options.level == "site":
            return
        pools = self.pools(statistics, self.options.level)
        self._pool = pools.of_row
        self._centre, self._spread = self.pooled(statistics, pools)
        self.notes = (*pools.notes, *self._without_spread(self._spread, pools.names))

    def __call__(self, images: Tensor, rows: Tensor, keys: NDArray[np.uint64] | None = None) -> Tensor:
        """Normalized images, float32 [B, C, H, W].

        Raises:
            StatisticsError: an image that is measured by itself has no spread, where that is an error.
        """
        numbers = rows.cpu().numpy()
        values = self.values(images, numbers)
        centre, spread = self._scale(images, values, numbers)
        centre, spread = jittered(centre, np.where(spread > 0, spread, 1.0), keys, self.options.jitter)
        return standardize(values, centre, spread)

    def statistics_of(self, images: Tensor, rows: Tensor) -> Scale:
        """Centre and spread of each image; raises as a call does."""
        numbers = rows.cpu().numpy()
        return self._scale(images, self.values(images, numbers), numbers)

    def pools(self, statistics: SiteStatistics, level: Level) -> Pools:
        """The pool of reference sites that each row is measured by."""
        options = self.options
        return reference_pools(
            statistics, level, options.reference, minimum=options.enough, wider=options.few == "wider"
        )

    def _scale(self, images: Tensor, values: Tensor, rows: NDArray[np.int64]) -> Scale:
        if self.options.level != "site":
            return self._centre[self._pool[rows]], self._spread[self._pool[rows]]
        centre, spread = self.own(images, values)
        self._without_spread(spread, [f"the image of row {row}" for row in rows])
        return centre, spread

    def _without_spread(self, spread: NDArray[np.float64], names: Sequence[str]) -> list[str]:
        """One line for each channel that cannot be scaled somewhere."""
        flat = [
            f"channel {channel + 1} has no spread in {some_of(names[place] for place in places)}"
            for channel, column in enumerate(spread.T <= 0)
            if (places := np.flatnonzero(column).tolist())
        ]
        if flat and self.options.constant == "error":
            raise StatisticsError(f"{'; '.join(flat)}: leave these out, or let constant be centre")
        return [f"{line}, and is only centred there" for line in flat]


def used(level: Literal["site"] | Level, reference: ReferenceWells) -> str:
    """What of a test screen these settings use; nothing where a site is measured by itself."""
    if level == "site":
        return ""
    word = level.replace("_", " ")
    if reference == "all":
        return f"{word} statistics"
    return f"{reference.replace('_', ' ')} of {'the' if level == 'screen' else 'each'} {word}"
