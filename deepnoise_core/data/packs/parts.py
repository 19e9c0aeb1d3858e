"""What is measured of the sites of one shard, as safetensors files beside it."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load, save

from deepnoise_core.contracts import Histograms
from deepnoise_core.data.statistics import (
    DenseHistograms,
    Measured,
    SparseHistograms,
    TileSums,
    measure,
)


@dataclass(frozen=True)
class SitePart:
    """Measures of one site, and the checksum of its pixels."""

    measured: Measured
    checksum: int


def measure_site(site: NDArray[Any]) -> SitePart:
    """All measures of one site [C, H, W]."""
    return SitePart(measure(site), zlib.crc32(np.ascontiguousarray(site).data))


def dump_statistics(sites: Sequence[SitePart]) -> bytes:
    """Sums and histograms of a shard's sites, the same bytes for the same sites."""
    measured = [site.measured for site in sites]
    tensors: dict[str, NDArray[Any]] = {
        "checksum": np.array([site.checksum for site in sites], dtype=np.uint32),
        "total": np.stack([one.total for one in measured]),
        "squares": np.stack([one.squares for one in measured]),
    }
    return save(tensors | _histogram_tensors([one.histogram for one in measured]))


def dump_tiles(sites: Sequence[SitePart]) -> bytes:
    """Tile sums of a shard's sites; kept apart, since histograms are wanted far more often."""
    tiles = [site.measured.tiles for site in sites if site.measured.tiles is not None]
    return save(
        {
            "total": np.stack([total for total, _ in tiles]),
            "squares": np.stack([squares for _, squares in tiles]),
        }
    )


def load_sums(content: bytes) -> dict[str, NDArray[Any]]:
    """Checksums, sums and sums of squares of a shard's sites, without the rest."""
    tensors = load(content)
    return {name: tensors[name] for name in ("checksum", "total", "squares")}


def load_histograms(content: bytes) -> Histograms:
    """The histograms of a shard's sites."""
    tensors = load(content)
    if "histogram" in tensors:
        return DenseHistograms(tensors["histogram"])
    return SparseHistograms(tensors["histogram_values"], tensors["histogram_counts"], tensors["histogram_bounds"])


def load_tiles(content: bytes, shape: tuple[int, int]) -> TileSums:
    """The tile sums of a shard's sites of this height and width."""
    tensors = load(content)
    return TileSums(tensors["total"], tensors["squares"], shape)


def _histogram_tensors(histograms: Sequence[NDArray[np.int64]]) -> dict[str, NDArray[Any]]:
    if histograms[0].shape[1] < SparseHistograms.bins:
        return {"histogram": np.stack(histograms).astype(np.uint32)}
    sparse = SparseHistograms.of(histograms)
    return {
        "histogram_values": sparse.values,
        "histogram_counts": sparse.counts,
        "histogram_bounds": sparse.bounds,
    }
