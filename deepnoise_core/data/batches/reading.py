"""Pixels of batches, read in a thread while the batches before are worked on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepnoise_core.contracts import ImageStore
from deepnoise_core.contracts.errors import ImageError


def read_ahead(
    store: ImageStore, batches: Iterable[NDArray[np.int64]], depth: int = 2
) -> Iterator[tuple[NDArray[np.int64], NDArray[Any]]]:
    """Yield (rows, pixels) in order while a thread reads the next `depth` batches.

    Raises:
        ImageError: an image cannot be read, or the pixels of a batch do not fit the memory.
    """
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
                yield rows, _result(rows, pixels)
        finally:
            for _, unread in waiting:
                unread.cancel()


def _result(rows: NDArray[np.int64], pixels: Future[NDArray[Any]]) -> NDArray[Any]:
    try:
        return pixels.result()
    except MemoryError as error:
        raise ImageError(
            f"memory was too small to read {len(rows)} sites ahead ({str(error) or 'MemoryError'}); make "
            "train.batch_size smaller, or let fewer programs run beside"
        ) from error
