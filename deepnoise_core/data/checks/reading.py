"""Every plane of a screen, read once and measured; what cannot be read is noted and the rest goes on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepnoise_core.contracts.errors import ImageError
from deepnoise_core.contracts.screens import ImageFiles, ImageStore, Screen
from deepnoise_core.data.checks.measures import Measures
from deepnoise_core.data.decoding import ImageHeader

_BATCH = 128
_SAMPLE = 25


@dataclass(frozen=True)
class Fault:
    """A plane, or a whole site where `channel` is None, that cannot be used."""

    row: int
    channel: int | None
    reason: str


@dataclass(frozen=True)
class Reading:
    """What the pixels of a screen are like.

    Attributes:
        header: size and dtype that most images have.
        measures: of every plane that has them.
        faults: the others, in the order of rows and channels.
    """

    header: ImageHeader
    measures: Measures
    faults: tuple[Fault, ...]


def read_all(screen: Screen, on_batch: Callable[[int], None] | None = None) -> Reading:
    """Read every plane of a screen once, in threads; at most a site a thread is held in memory.

    Args:
        screen: N sites.
        on_batch: called with the number of sites of each finished batch.

    Raises:
        ImageError: no image of the screen can be read at all.
    """
    store, channels = screen.store, len(screen.channels)
    header = _usual_header(store)
    measures = Measures.blank(len(screen), channels, header.height, header.width)
    faults: list[Fault] = []

    def look(row: int) -> list[Fault]:
        planes: list[NDArray[Any] | None] = [None] * channels
        found: list[Fault] = []
        for channel, plane in _planes(store, row, channels):
            if isinstance(plane, Fault):
                found.append(plane)
            elif (size := _header_of(plane)) != header:
                found.append(Fault(row, channel, f"is {size}, while the screen's images are {header}"))
            else:
                planes[channel] = plane
        measures.note(row, planes)
        return found

    with ThreadPoolExecutor(thread_name_prefix="check") as pool:
        for start in range(0, len(screen), _BATCH):
            rows = range(start, min(start + _BATCH, len(screen)))
            for found in pool.map(look, rows):
                faults += found
            if on_batch is not None:
                on_batch(len(rows))
    return Reading(header, measures, tuple(faults))


def _planes(store: ImageStore, row: int, channels: int) -> Iterator[tuple[int, NDArray[Any] | Fault]]:
    """Each channel of a site with its pixels or its fault; one fault alone where whole sites are read."""
    if not isinstance(store, ImageFiles):
        try:
            yield from enumerate(store.read(np.array([row]))[0])
        except ImageError as error:
            yield 0, Fault(row, None, str(error))
        return
    for channel in range(channels):
        try:
            yield channel, store.read_plane(row, channel)
        except ImageError as error:
            yield channel, Fault(row, channel, str(error))


def _usual_header(store: ImageStore) -> ImageHeader:
    """Size and dtype of most of a few planes from all over the screen, or of the first that can be read."""
    if not isinstance(store, ImageFiles):
        _, height, width = store.shape
        return ImageHeader(height, width, store.dtype)
    sample = np.unique(np.linspace(0, len(store) - 1, _SAMPLE).astype(int)).tolist()
    seen = Counter(header for row in sample if (header := _try_header(store, row)) is not None)
    if seen:
        return seen.most_common(1)[0][0]
    there = (row for row in range(len(store)) if store.file(row, 0).exists())
    first = next((header for row in there if (header := _try_header(store, row)) is not None), None)
    return first or _header_of(store.read_plane(0, 0))


def _try_header(store: ImageFiles, row: int) -> ImageHeader | None:
    try:
        return _header_of(store.read_plane(row, 0))
    except ImageError:
        return None


def _header_of(plane: NDArray[Any]) -> ImageHeader:
    return ImageHeader(plane.shape[0], plane.shape[1], plane.dtype)
