"""Small screens are decoded once and held in memory."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from deepnoise_core.contracts import Screen
from deepnoise_core.data.batches import read_ahead
from deepnoise_core.data.stores import ArrayStore

LIMIT_BYTES = 2_000_000_000


def fits_in_memory(screen: Screen, limit: int = LIMIT_BYTES) -> bool:
    """Whether the pixels of a screen take at most `limit` bytes, and are not in memory already."""
    size = len(screen) * math.prod(screen.store.shape) * screen.store.dtype.itemsize
    return size <= limit and not isinstance(screen.store, ArrayStore)


def held_in_memory(screen: Screen, on_batch: Callable[[int], None], batch_size: int = 64) -> Screen:
    """The same screen with all its pixels in memory; every file is decoded once, and any fault shows now.

    Args:
        screen: the screen, on disk.
        on_batch: called with the number of sites of each finished batch.
        batch_size: sites read at a time.
    """
    pixels = np.empty((len(screen), *screen.store.shape), dtype=screen.store.dtype)
    rows = np.arange(len(screen))
    chunks = [rows[start : start + batch_size] for start in range(0, len(rows), batch_size)]
    for chunk, read in read_ahead(screen.store, chunks):
        pixels[chunk] = read
        on_batch(len(chunk))
    return replace(screen, store=ArrayStore(pixels))
