"""Histograms and tiles of a pack, loaded shard by shard when they are asked for."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from deepnoise_core.contracts.errors import ScreenError
from deepnoise_core.data.packs.location import Location
from deepnoise_core.data.packs.manifest import Manifest, statistics_file, tiles_file
from deepnoise_core.data.packs.parts import load_histograms, load_tiles
from deepnoise_core.data.statistics import BINS, TileSums
from deepnoise_core.data.statistics.tiles import GRID

Part = TypeVar("Part")


@dataclass(frozen=True)
class PartFiles:
    """The statistics files of a pack. The last one read is kept: two plates often share it."""

    location: Location
    manifest: Manifest
    _last: dict[str, bytes] = field(default_factory=dict, repr=False)

    def read(self, key: str) -> bytes:
        """One file, whose hash is that of the manifest.

        Raises:
            ScreenError: it is missing or was changed.
        """
        content = self._last.get(key)
        if content is None:
            content = require_hash(self.location.read(key), key, self.location, self.manifest)
            self._last.clear()
            self._last[key] = content
        return content


def require_hash(content: bytes, key: str, location: Location, manifest: Manifest) -> bytes:
    """The content, if it is the one that the manifest names.

    Raises:
        ScreenError: it is not.
    """
    record = manifest.files.get(key)
    if record is None or hashlib.sha256(content).hexdigest() != record.sha256:
        raise ScreenError(f"{location.name}/{key}: not the file that was packed; copy the pack again")
    return content


class PackHistograms:
    """How often each intensity occurs in each site and channel of a pack."""

    def __init__(self, files: PartFiles, rows: NDArray[np.int64]) -> None:
        self._files, self._rows = files, rows

    @property
    def bins(self) -> int:
        """256 or 65,536."""
        return BINS[self._files.manifest.pixel_type]

    def __len__(self) -> int:
        return len(self._rows)

    def pooled(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Counts over all pixels of these rows, int64 [C, bins]."""
        total = np.zeros((len(self._files.manifest.channels), self.bins), dtype=np.int64)
        for part, own in _parts(self._files, self._rows[rows], statistics_file, load_histograms):
            total += part.pooled(own)
        return total

    def take(self, rows: NDArray[np.int64]) -> PackHistograms:
        """The histograms of these rows alone, in this order."""
        return PackHistograms(self._files, self._rows[rows])


class PackTiles:
    """Sums over the tiles of each site of a pack."""

    def __init__(self, files: PartFiles, rows: NDArray[np.int64]) -> None:
        self._files, self._rows = files, rows

    @property
    def pixels(self) -> NDArray[np.int64]:
        """Pixels of each tile, int64 [G, G]."""
        empty = np.zeros((0, 0, GRID, GRID), dtype=np.uint64)
        return TileSums(empty, empty, self._shape).pixels

    def __len__(self) -> int:
        return len(self._rows)

    def pooled(self, rows: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Mean over these rows of each tile's intensity and squared intensity, float64 [C, G, G] each."""
        load = partial(load_tiles, shape=self._shape)
        parts = [part.take(own) for part, own in _parts(self._files, self._rows[rows], tiles_file, load)]
        joined = TileSums(
            np.concatenate([part.total for part in parts]),
            np.concatenate([part.squares for part in parts]),
            self._shape,
        )
        return joined.pooled(np.arange(len(joined)))

    def take(self, rows: NDArray[np.int64]) -> PackTiles:
        """The tiles of these rows alone, in this order."""
        return PackTiles(self._files, self._rows[rows])

    @property
    def _shape(self) -> tuple[int, int]:
        return self._files.manifest.shape[2:]


def _parts(
    files: PartFiles, rows: NDArray[np.int64], name: Callable[[int], str], load: Callable[[bytes], Part]
) -> Iterator[tuple[Part, NDArray[np.int64]]]:
    """Each shard that holds some of these rows of the pack, and their places in it."""
    shard = rows // files.manifest.shard_sites
    for number in np.unique(shard):
        yield load(files.read(name(int(number)))), rows[shard == number] - number * files.manifest.shard_sites
