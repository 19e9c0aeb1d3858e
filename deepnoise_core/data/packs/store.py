"""The store of a pack."""

from __future__ import annotations

import os
import zlib
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import polars as pl
import tensorstore as ts
from numpy.typing import NDArray

from deepnoise_core.contracts.errors import ImageError
from deepnoise_core.data.packs.array import reason


class PackStore:
    """Random access to the sites of a pack.

    A damaged site is an error and never wrong pixels: compressed sites carry checksums of their own, and of
    uncompressed ones the checksum is compared when a site is first read.

    Args:
        array: as `open_array` gives it.
        name: the pack, for messages.
        site_ids: of all rows of the array, strings [N].
        checksums: CRC-32 of each site's pixels, uint32 [N].
        threads: parts of a batch that are read at once; as many as there are cores, up to four, where None.
    """

    def __init__(
        self,
        array: Any,
        name: str,
        site_ids: pl.Series,
        checksums: NDArray[np.uint32],
        *,
        threads: int | None = None,
    ) -> None:
        self._array, self._name, self._site_ids, self._checksums = array, name, site_ids, checksums
        self._threads = threads or min(4, os.cpu_count() or 1)
        self._pool = ThreadPoolExecutor(self._threads, thread_name_prefix="pack")
        self._sound = np.zeros(len(checksums), dtype=bool)
        self._rows = np.arange(len(checksums))

    @property
    def shape(self) -> tuple[int, int, int]:
        """(C, H, W) of every site."""
        _, channels, height, width = self._array.shape
        return channels, height, width

    @property
    def dtype(self) -> np.dtype[Any]:
        """`uint8` or `uint16`."""
        dtype: np.dtype[Any] = self._array.dtype.numpy_dtype
        return dtype

    def __len__(self) -> int:
        return len(self._rows)

    def read(self, rows: NDArray[np.int64]) -> NDArray[Any]:
        """Pixels of these rows, in this order, as one contiguous array [n, C, H, W].

        Raises:
            ImageError: a site is damaged or a file is missing or cut; names the site and the file.
        """
        wanted = self._rows[np.asarray(rows, dtype=np.int64)]
        pixels = np.empty((len(wanted), *self.shape), dtype=self.dtype)
        parts = min(self._threads, len(wanted))
        edges = [slice(part * len(wanted) // parts, (part + 1) * len(wanted) // parts) for part in range(parts)]
        list(self._pool.map(lambda edge: self._fill(pixels[edge], wanted[edge]), edges))
        return pixels

    def take(self, rows: NDArray[np.int64]) -> PackStore:
        """The store of these rows alone, without reading a pixel."""
        taken = PackStore.__new__(PackStore)
        taken.__dict__.update(self.__dict__)
        taken._rows = self._rows[np.asarray(rows, dtype=np.int64)]
        return taken

    def _fill(self, pixels: NDArray[Any], rows: NDArray[np.int64]) -> None:
        try:
            ts.array(pixels)[...].write(self._array[rows]).result()
        except ValueError as error:
            raise self._fault(rows, error) from None
        for site, row in zip(pixels, rows, strict=True):
            if not self._sound[row]:
                if zlib.crc32(site.data) != self._checksums[row]:
                    raise ImageError(f"{self._place(row)}: its pixels are not those that were packed; {_AGAIN}")
                self._sound[row] = True

    def _fault(self, rows: NDArray[np.int64], error: ValueError) -> ImageError:
        for row in rows:
            try:
                self._array[int(row)].read().result()
            except ValueError as fault:
                return ImageError(f"{self._place(row)}: {reason(fault)}; {_AGAIN}")
        return ImageError(f"{self._name}: {reason(error)}; {_AGAIN}")

    def _place(self, row: np.int64) -> str:
        return f"{self._name}: site {self._site_ids[int(row)]} (row {row} of the pack)"


_AGAIN = "see what else is damaged with deepnoise screen verify, and copy the pack again"
