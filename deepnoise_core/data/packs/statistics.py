"""Histograms and tiles of a pack, loaded shard by shard when they are asked for."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from deepnoise_core.contracts.errors import ScreenError
from deepnoise_core.data.packs.location import Location
from deepnoise_core.data.packs.manifest import Manifest, statistics_file
from deepnoise_core.data.packs.parts import load_histograms, load_tiles
from deepnoise_core.data.statistics import BINS, TileSums
from deepnoise_core.data.statistics.tiles import GRID

Part = TypeVar("Part")


@dataclass(frozen=True)
class PartFiles:
    """The statistics files of a pack."""

    location: Location
    manifest: Manifest

    def read(self, shard: int) -> bytes:
        """One file, whose hash is that of the manifest.

        Raises:
            ScreenError: it is missing or was changed.
        """
        key = statistics_file(shard)
        content = self.location.read(key)
        return require_hash(content, key, self.location, self.manifest)


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
        for part, own in _parts(self._files, self._rows[rows], load_histograms):
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
        parts = [
            part.take(own)
            for part, own in _parts(
                self._files, self._rows[rows], lambda content: load_tiles(content, self._shape)
            )
        ]
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
    files: PartFiles, rows: NDArray[np.int64], load: Callable[[bytes], Part]
) -> Iterator[tuple[Part, NDArray[np.int64]]]:
    """Each shard that holds some of these rows of the pack, and their places in it."""
    shard = rows // files.manifest.shard_sites
    for number in np.unique(shard):
        yield load(files.read(int(number))), rows[shard == number] - number * files.manifest.shard_sites
