"""Batches as rows: which sites a step learns from, and their pixels read ahead."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepnoise_core.contracts import ImageStore
from deepnoise_core.data.randomness import permutation


def epoch_batches(rows: NDArray[np.int64], batch_size: int, *, seed: int, epoch: int) -> list[NDArray[np.int64]]:
    """Divide the rows, shuffled by (seed, epoch), in batches of equal size give or take one.

    Every row comes exactly once an epoch. No batch is larger than asked, but for three rows in batches of
    two, since batch norm cannot train on a single site.
    """
    order = rows[permutation(len(rows), seed, epoch, "labelled")]
    return np.array_split(order, batches_per_epoch(len(rows), batch_size))


def batches_per_epoch(size: int, batch_size: int) -> int:
    """Number of batches of at most `batch_size`, and at least two, that hold `size` rows."""
    return max(1, min(-(-size // batch_size), size // 2))


def endless_batch(
    rows: NDArray[np.int64], batch_size: int, *, seed: int, step: int
) -> tuple[NDArray[np.int64], int]:
    """The batch of one step of an endless stream, and the pass over the rows in which it begins.

    The stream runs through one permutation of the rows after another, whatever the epoch.
    """
    positions = np.arange(step * batch_size, (step + 1) * batch_size)
    passes = positions // len(rows)
    batch = np.empty(batch_size, dtype=np.int64)
    for number in np.unique(passes):
        order = permutation(len(rows), seed, int(number), "unlabelled")
        here = passes == number
        batch[here] = rows[order[positions[here] % len(rows)]]
    return batch, int(passes[0])


def read_ahead(
    store: ImageStore, batches: Iterable[NDArray[np.int64]], depth: int = 2
) -> Iterator[tuple[NDArray[np.int64], NDArray[Any]]]:
    """Yield (rows, pixels) in order while a thread reads the next `depth` batches."""
    waiting: list[tuple[NDArray[np.int64], Future[NDArray[Any]]]] = []
    pending = iter(batches)
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="read-ahead") as reader:
        try:
            while True:
                wanted = islice(pending, depth + 1 - len(waiting))
                waiting.extend((rows, reader.submit(store.read, rows)) for rows in wanted)
                if not waiting:
                    return
                rows, pixels = waiting.pop(0)
                yield rows, pixels.result()
        finally:
            for _, unread in waiting:
                unread.cancel()
