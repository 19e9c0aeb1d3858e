"""Screens: a table of sites, named channels, and a store of pixels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, get_args, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from deepnoise_core.contracts.statistics import SiteStatistics

if TYPE_CHECKING:
    import polars as pl


class Role(StrEnum):
    """What a well is for. `unknown` says that the metadata do not tell."""

    TREATMENT = "treatment"
    POSITIVE_CONTROL = "positive_control"
    NEGATIVE_CONTROL = "negative_control"
    UNTREATED = "untreated"
    UNKNOWN = "unknown"


SiteColumn = Literal[
    "site_id",
    "well_id",
    "experiment",
    "plate",
    "well",
    "site",
    "cell_type",
    "role",
    "perturbation",
    "dataset",
]
"""A column that every screen table has."""

SITE_COLUMNS: tuple[SiteColumn, ...] = get_args(SiteColumn)
"""All of them, in their order; strings but `site` (int64).

`site_id` is unique. `well_id` joins the sites of a well. `plate` is unique within its experiment only.
`perturbation` and `dataset` are null where unknown. Further columns are kept and can be targets.
"""


@runtime_checkable
class ImageStore(Protocol):
    """Random access to the pixels of a screen; row i of the store is row i of the screen's table."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """(C, H, W) of every site."""
        ...

    @property
    def dtype(self) -> np.dtype[Any]:
        """`uint8` or `uint16`."""
        ...

    def __len__(self) -> int: ...

    def read(self, rows: NDArray[np.int64]) -> NDArray[Any]:
        """Pixels of these rows, in this order, as one contiguous array [n, C, H, W].

        Raises:
            ImageError: a file is missing, damaged, or not of the store's shape and dtype.
        """
        ...

    def take(self, rows: NDArray[np.int64]) -> ImageStore:
        """The store of these rows alone, without reading a pixel."""
        ...


@runtime_checkable
class ImageFiles(Protocol):
    """A store whose planes lie in files, so that each can be named and read alone."""

    def file(self, row: int, channel: int) -> Path:
        """Where one channel of one site lies."""
        ...

    def read_plane(self, row: int, channel: int) -> NDArray[Any]:
        """Pixels of one channel of one site, [H, W], of whatever size and dtype its file holds.

        Raises:
            ImageError: the file is missing or damaged.
        """
        ...


@dataclass(frozen=True)
class DroppedSite:
    """A site that a reader left out, and why."""

    site_id: str
    reason: str


@dataclass(frozen=True)
class Screen:
    """A table of sites (one row a site) + named channels + an image store.

    Attributes:
        sites: polars frame with at least `SITE_COLUMNS`; row i belongs to row i of the store.
        channels: one name a channel, in the order of the store.
        store: the pixels.
        source: where the screen came from, for messages and run cards.
        reader: name of the reader that opened it.
        dropped: the sites that were listed but left out.
        stains: channel name → its dye or antibody, where known.
        statistics: what is already known of the pixels of each row; None where they must be read.
    """

    sites: pl.DataFrame
    channels: tuple[str, ...]
    store: ImageStore
    source: str
    reader: str = "memory"
    dropped: tuple[DroppedSite, ...] = ()
    stains: Mapping[str, str] = field(default_factory=dict)
    statistics: SiteStatistics | None = None

    def __len__(self) -> int:
        return self.sites.height

    def column(self, name: str, rows: NDArray[np.int64] | None = None) -> NDArray[Any]:
        """One column of the table as a numpy array, of all rows or of these; nulls of strings become None.

        Each string becomes an object of its own, 70 bytes a row: ask for no more rows than are needed.
        """
        column = self.sites[name]
        return (column if rows is None else column.gather(rows)).to_numpy()

    def take(self, rows: Sequence[int] | NDArray[np.int64]) -> Screen:
        """The screen of these rows alone, in this order; no pixel is read."""
        index = np.asarray(rows, dtype=np.int64)
        statistics = None if self.statistics is None else self.statistics.take(index)
        return replace(self, sites=self.sites[index], store=self.store.take(index), statistics=statistics)

    def drop(self, reasons: Mapping[int, str]) -> Screen:
        """The screen without these rows (row → why), which join `dropped`; no pixel is read."""
        if not reasons:
            return self
        kept = np.setdiff1d(np.arange(len(self)), list(reasons))
        left_out = [DroppedSite(self.sites["site_id"][row], reason) for row, reason in reasons.items()]
        return replace(self.take(kept), dropped=(*self.dropped, *left_out))
