"""Small screens are decoded once and held in memory."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepnoise_core.contracts import ImageStore, Screen
from deepnoise_core.data.batches import read_ahead
from deepnoise_core.data.stores import ArrayStore

LIMIT_BYTES = 2_000_000_000


def fits_in_memory(screen: Screen, limit: int = LIMIT_BYTES) -> bool:
    """Whether the pixels of a screen take at most `limit` bytes, and are not in memory already."""
    size = len(screen) * math.prod(screen.store.shape) * screen.store.dtype.itemsize
    return size <= limit and not isinstance(screen.store, ArrayStore)


def pixels_of(
    store: ImageStore, rows: NDArray[np.int64], on_batch: Callable[[int], None], batch_size: int = 64
) -> NDArray[Any]:
    """The pixels of these rows, [n, C, H, W]; every file is decoded once, and any fault shows now.

    Args:
        store: on disk.
        rows: int64 [n].
        on_batch: called with the number of sites of each finished batch.
        batch_size: sites read at a time.
    """
    pixels = np.empty((len(rows), *store.shape), dtype=store.dtype)
    starts = range(0, len(rows), batch_size)
    chunks = [rows[start : start + batch_size] for start in starts]
    for start, (chunk, read) in zip(starts, read_ahead(store, chunks), strict=True):
        pixels[start : start + len(chunk)] = read
        on_batch(len(chunk))
    return pixels
