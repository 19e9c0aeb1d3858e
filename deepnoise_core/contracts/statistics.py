"""Per-site pixel statistics: what normalizers are fitted on, instead of pixels or labels.

All of it are integers, so that pooled statistics are exact: the same bits whatever the order of sites, the
number of workers or the way in which the screen was read.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

Level = Literal["plate", "experiment", "cell_type", "screen"]
"""Sites that are measured together: those of a plate of an experiment, …, or all of them."""

ReferenceWells = Literal["all", "negative_controls", "controls"]
"""Wells whose sites count: all, or controls alone, positive ones too or not."""


class Measure(StrEnum):
    """What can be measured of the pixels of a site and channel."""

    MOMENTS = "moments"
    HISTOGRAMS = "histograms"
    TILES = "tiles"


class Histograms(Protocol):
    """How often each intensity occurs in each site and channel."""

    @property
    def bins(self) -> int:
        """Intensities that the stored type can hold: 256 or 65,536; bin i counts the pixels of value i."""
        ...

    def __len__(self) -> int: ...

    def pooled(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Counts over all pixels of these rows, int64 [C, bins]."""
        ...

    def take(self, rows: NDArray[np.int64]) -> Histograms:
        """The histograms of these rows alone, in this order."""
        ...


class Tiles(Protocol):
    """Sums over the tiles of a grid laid on each site: what is needed to see uneven illumination."""

    @property
    def pixels(self) -> NDArray[np.int64]:
        """Pixels of each tile, int64 [G, G]."""
        ...

    def __len__(self) -> int: ...

    def pooled(self, rows: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Mean over these rows of each tile's intensity and squared intensity, float64 [C, G, G] each."""
        ...

    def take(self, rows: NDArray[np.int64]) -> Tiles:
        """The tiles of these rows alone, in this order."""
        ...


@dataclass(frozen=True)
class SiteStatistics:
    """Sums over the pixels of every site and channel, and the domains that each site belongs to.

    Attributes:
        count: pixels a site and channel, int64 [N].
        total: sum of the intensities, int64 [N, C].
        squares: sum of the squared intensities, uint64 [N, C].
        experiment: name of each site's experiment, [N].
        plate: name of each site's plate, unique within its experiment only, [N].
        cell_type: name of each site's cell type, [N].
        role: value of `Role` of each site's well, [N].
        histograms: None where they were not measured.
        tiles: None where they were not measured.
    """

    count: NDArray[np.int64]
    total: NDArray[np.int64]
    squares: NDArray[np.uint64]
    experiment: NDArray[np.str_]
    plate: NDArray[np.str_]
    cell_type: NDArray[np.str_]
    role: NDArray[np.str_]
    histograms: Histograms | None = None
    tiles: Tiles | None = None

    def __len__(self) -> int:
        return len(self.count)

    def has(self, measure: Measure) -> bool:
        """Whether this was measured."""
        return {
            Measure.MOMENTS: True,
            Measure.HISTOGRAMS: self.histograms is not None,
            Measure.TILES: self.tiles is not None,
        }[measure]

    def take(self, rows: NDArray[np.int64]) -> SiteStatistics:
        """The statistics of these rows alone, in this order."""
        return replace(
            self,
            count=self.count[rows],
            total=self.total[rows],
            squares=self.squares[rows],
            experiment=self.experiment[rows],
            plate=self.plate[rows],
            cell_type=self.cell_type[rows],
            role=self.role[rows],
            histograms=None if self.histograms is None else self.histograms.take(rows),
            tiles=None if self.tiles is None else self.tiles.take(rows),
        )
