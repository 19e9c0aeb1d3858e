"""z-scores of images whose uneven illumination is undone."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from deepnoise_core.contracts import Measure, SiteStatistics, Tiles
from deepnoise_core.data.statistics import Pools
from deepnoise_plugins.intensity.illumination import Grid, at_pixels, even
from deepnoise_plugins.intensity.options import FlatFieldOptions
from deepnoise_plugins.intensity.scaled import Scale, Scaled, used
from deepnoise_plugins.intensity.z_score import image_moments

_ROUNDING = 1e-12
"""Share of a mean square below which a variance is rounding."""


class FlatField(Scaled):
    """z-scores of (x − dark) / flat, where flat is how unevenly the microscope lights a site, with mean 1.

    Flat is fitted to the mean of all reference sites that share an illumination, channel by channel: over so many
    sites cells lie everywhere alike.
    """

    measure = Measure.TILES

    def __init__(self, options: FlatFieldOptions) -> None:
        super().__init__(options)
        self.needs = (self.measure,)
        self.transductive = "; ".join(filter(None, (_used(options), self.transductive)))
        self._dark, self._degree, self._lit_alike = options.dark, options.degree, options.illumination
        self._lit = np.zeros(0, dtype=np.int64)
        self._flat = np.zeros((0, 0, 0, 0))

    def fit(self, statistics: SiteStatistics) -> None:
        """Estimate the illumination, and then the scale of what it is corrected to.

        Raises:
            StatisticsError: as `Scaled.fit`, of illuminations too.
        """
        tiles = _measured(statistics)
        pools = self.pools(statistics, self._lit_alike)
        self._lit, grid = pools.of_row, Grid(tiles.pixels, self._degree)
        flat = np.stack([grid.fitted(_means(tiles, sites)[0] - self._dark) for sites in pools.sites])
        failed = np.isnan(flat[..., 0, 0])
        flat[failed] = even(self._degree)
        self._flat = flat
        super().fit(statistics)
        dim = (
            f"the illumination of channel {channel + 1} in {pools.names[pool]} falls below a tenth of its mean "
            "somewhere: it is not corrected"
            for pool, channel in np.argwhere(failed)
        )
        self.notes = tuple(dict.fromkeys((*pools.notes, *dim, *self.notes)))

    def pooled(self, statistics: SiteStatistics, pools: Pools) -> Scale:
        """Moments of the corrected images of each pool, from the tiles.

        Within a tile, what is lit is taken to be independent of the light.
        """
        tiles = _measured(statistics)
        grid = Grid(tiles.pixels, self._degree)
        share = grid.pixels / grid.pixels.sum()
        light, square = zip(*map(grid.means, self._flat), strict=True)
        moments = []
        for sites in pools.sites:
            total = np.zeros((2, self._flat.shape[1]))
            for lit in np.unique(self._lit[sites]):
                alike = sites[self._lit[sites] == lit]
                first, second = map(grid.filled, _means(tiles, alike))
                second = second - 2 * self._dark * first + self._dark**2
                first = first - self._dark
                corrected = np.stack([first / light[lit], second / square[lit]])
                total += len(alike) / len(sites) * (corrected * share).sum(axis=(2, 3))
            moments.append(total)
        mean, mean_square = np.stack(moments, axis=1)
        variance = mean_square - mean**2
        return mean, np.sqrt(np.where(variance > _ROUNDING * mean_square, variance, 0.0))

    def values(self, images: Tensor, rows: NDArray[np.int64]) -> Tensor:
        """Corrected images."""
        light = at_pixels(self._flat[self._lit[rows]], images)
        return super().values(images, rows).sub_(self._dark).div_(light)

    def own(self, images: Tensor, values: Tensor) -> Scale:
        """Mean and standard deviation of each corrected image."""
        return image_moments(values)


def _used(options: FlatFieldOptions) -> str:
    return used(options.illumination, options.reference).replace("statistics", "illumination")


def _means(tiles: Tiles, sites: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean intensity and squared intensity of each tile; NaN where a site is too small to fill it."""
    with np.errstate(invalid="ignore"):
        return tiles.pooled(sites)


def _measured(statistics: SiteStatistics) -> Tiles:
    if statistics.tiles is None:
        raise ValueError("these statistics have no tiles: ask for Measure.TILES")
    return statistics.tiles
