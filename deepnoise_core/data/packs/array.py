"""The pixels of a pack: one Zarr v3 array [site, C, H, W], one site a chunk, many chunks a file."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import tensorstore as ts

from deepnoise_core.contracts.errors import OutputError
from deepnoise_core.data.packs.location import Location
from deepnoise_core.data.packs.manifest import IMAGES
from deepnoise_core.data.packs.options import Codec

_LITTLE_ENDIAN = {"name": "bytes", "configuration": {"endian": "little"}}
_CODECS: dict[Codec, list[dict[str, Any]]] = {
    "none": [],
    # A higher level saves 6 % of the bytes and takes half as long again to write.
    "zstd": [{"name": "zstd", "configuration": {"level": 1, "checksum": True}}],
}


def create_array(
    location: Location, shape: tuple[int, int, int, int], dtype: str, codec: Codec, shard_sites: int
) -> Any:
    """A new array, or the same one opened again; a file is written whole, synced and renamed."""
    spec = {
        "driver": "zarr3",
        "kvstore": location.kvstore(f"{IMAGES}/"),
        "metadata": {
            "shape": list(shape),
            "data_type": dtype,
            "dimension_names": ["site", "channel", "y", "x"],
            "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [shard_sites, *shape[1:]]}},
            "codecs": [
                {
                    "name": "sharding_indexed",
                    "configuration": {
                        "chunk_shape": [1, *shape[1:]],
                        "codecs": [_LITTLE_ENDIAN, *_CODECS[codec]],
                        "index_codecs": [_LITTLE_ENDIAN, {"name": "crc32c"}],
                        "index_location": "end",
                    },
                }
            ],
        },
    }
    return ts.open(spec, create=True, open=True, context=_context()).result()


def open_array(location: Location) -> Any:
    """The array of a pack, for reading; a chunk that is not there is an error and never zeros."""
    spec = {
        "driver": "zarr3",
        "kvstore": location.kvstore(f"{IMAGES}/"),
        "fill_missing_data_reads": False,
    }
    return ts.open(spec, read=True, context=_context(), recheck_cached=False).result()


def shortened(array: Any, sites: int) -> None:
    """Set the number of sites, where some were left out; only the metadata change."""
    array.resize(exclusive_max=[sites, None, None, None], resize_metadata_only=True).result()


@contextmanager
def plain_store_errors(out: Path) -> Iterator[None]:
    """Turn tensorstore's failure to write into one clear OutputError."""
    try:
        yield
    except ValueError as error:
        if "No space left" in str(error) or "RESOURCE_EXHAUSTED" in str(error):
            raise OutputError(
                f"the disk is full: {out} could not be written; free some space, and the same command goes on"
            ) from None
        raise OutputError(f"{out} cannot be written: {reason(error)}") from None


def reason(error: ValueError) -> str:
    """What tensorstore says, without the specification that it was given."""
    return str(error).splitlines()[0].partition(" [tensorstore_spec")[0]


def _context() -> Any:
    # Local files are mapped rather than read: the pixels are then copied once, into the batch itself.
    # Twice as many tasks as cores keep both the copying and the page faults of a mapped file going.
    tasks = {"limit": 2 * (os.cpu_count() or 1)}
    return ts.Context(
        {
            "cache_pool": {"total_bytes_limit": 0},
            "data_copy_concurrency": tasks,
            "file_io_concurrency": tasks,
            "file_io_mode": {"mode": "memmap"},
        }
    )
