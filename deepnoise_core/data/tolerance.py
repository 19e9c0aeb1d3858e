"""Sites whose image cannot be read: found while reading, remembered, and left out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepnoise_core.contracts import ImageStore
from deepnoise_core.contracts.errors import ImageError

LARGEST_SHARE = 0.1
"""More bad sites than this share of a store are no accident of single files, and stop the work."""


class TolerantStore:
    """A store that goes on without the sites that it cannot read.

    Their pixels are zeros, which nobody may use: `good` tells which rows have an image. A site that could not
    be read once is not tried again, so that no step depends on when a disk works.

    Attributes:
        store: where images are read.
        bad: row → why it cannot be read, in the order in which they were found.

    Args:
        store: N sites.
        bad: rows that are known not to be readable.
        largest_share: a larger share of bad sites stops the work.
    """

    def __init__(
        self, store: ImageStore, bad: Mapping[int, str] | None = None, *, largest_share: float = LARGEST_SHARE
    ) -> None:
        self.store, self.bad, self.largest_share = store, dict(bad or {}), largest_share
        self._start, self._sized = 0, store

    @property
    def shape(self) -> tuple[int, int, int]:
        """(C, H, W) of every site: those of the first whose header can be read."""
        return self._from_first_sized().shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """`uint8` or `uint16`."""
        return self._from_first_sized().dtype

    def __len__(self) -> int:
        return len(self.store)

    def good(self, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which of these rows have an image, as far as they were read, bool [n]."""
        return ~np.isin(rows, list(self.bad))

    def read(self, rows: NDArray[np.int64]) -> NDArray[Any]:
        """Pixels of these rows, in this order, as one contiguous array [n, C, H, W]; zeros for bad ones.

        Raises:
            ImageError: more than `largest_share` of all sites cannot be read.
        """
        try:
            return self._read_good(rows)
        except ImageError:
            self._find_bad(rows)
        return self._read_good(rows)

    def take(self, rows: NDArray[np.int64]) -> TolerantStore:
        """The store of these rows alone, which knows what is known of them; reads no pixel."""
        known = {place: self.bad[int(row)] for place, row in enumerate(rows) if int(row) in self.bad}
        return TolerantStore(self.store.take(rows), known, largest_share=self.largest_share)

    def _from_first_sized(self) -> ImageStore:
        """The sites from `_start` on, the first of which tells the size of all."""
        while True:
            try:
                _ = self._sized.shape
            except ImageError as error:
                self._leave_out(self._start, error)
                self._start += 1
                self._sized = self.store.take(np.arange(self._start, len(self.store)))
            else:
                return self._sized

    def _read_good(self, rows: NDArray[np.int64]) -> NDArray[Any]:
        store, good = self._from_first_sized(), self.good(rows)
        if good.all():
            return store.read(rows - self._start)
        pixels = np.zeros((len(rows), *store.shape), dtype=store.dtype)
        if good.any():
            pixels[good] = store.read(rows[good] - self._start)
        return pixels

    def _find_bad(self, rows: NDArray[np.int64]) -> None:
        for row in np.unique(rows[self.good(rows)]):
            try:
                self._sized.read(np.array([row - self._start]))
            except ImageError as error:
                self._leave_out(int(row), error)

    def _leave_out(self, row: int, error: ImageError) -> None:
        self.bad[row] = str(error)
        if len(self.bad) > self.largest_share * len(self):
            first = next(iter(self.bad.values()))
            share = f"{100 * self.largest_share:.0f} %"
            raise ImageError(
                f"{len(self.bad)} of {len(self)} sites cannot be read, more than {share}; check the folder and "
                f"its disk, or leave the sites out with --exclude; the first: {first}"
            )
