"""The manifest of a pack: what it is, and the size and hash of each of its files. Written last."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, PositiveInt, ValidationError, model_validator

from deepnoise_core.contracts.errors import ScreenError, first_fault
from deepnoise_core.data.packs.options import Codec

MANIFEST = "manifest.json"
SITES = "sites.parquet"
SUMS = "sums.safetensors"
IMAGES = "images"
FORMAT = "deepnoise-pack"
MAJOR, MINOR = 1, 0


class FileRecord(BaseModel):
    """One file of a pack."""

    model_config = ConfigDict(frozen=True)

    bytes: int
    sha256: str


class Manifest(BaseModel):
    """What a pack holds.

    Fields that a later minor version adds are ignored here; a change that old readers would get wrong raises
    the major version.

    Attributes:
        format: always `deepnoise-pack`.
        version: `major.minor` of the format.
        origin: name of the folder that was packed.
        reader: which reader opened it.
        channels: names, in the order of the array.
        stains: channel name → stain, where known.
        shape: sites, channels, height and width.
        dtype: of the pixels.
        codec: how a site is compressed.
        shard_sites: sites a file of the array.
        resized: side that sites were resized to; None where they are as they were.
        dropped: site id → why it was left out.
        plan: hash of what was asked for: table, channels, image size, options.
        files: path in the pack → size and hash, for every file but this.
    """

    model_config = ConfigDict(frozen=True)

    format: Literal["deepnoise-pack"] = "deepnoise-pack"
    version: str = f"{MAJOR}.{MINOR}"
    origin: str
    reader: str
    channels: tuple[str, ...]
    stains: dict[str, str]
    shape: tuple[PositiveInt, PositiveInt, PositiveInt, PositiveInt]
    dtype: Literal["uint8", "uint16"]
    codec: Codec
    shard_sites: int = Field(ge=1)
    resized: int | None
    dropped: dict[str, str]
    plan: str
    files: dict[str, FileRecord]

    @model_validator(mode="after")
    def _name_files_of_a_pack(self) -> Manifest:
        # A shape may claim any number of sites; of more shards than there are files one is missing anyway.
        shards = range(min(self.shards, len(self.files)))
        owned = {SITES, SUMS, f"{IMAGES}/zarr.json"}.union(*map(files_of_shard, shards))
        if owned != self.files.keys():
            odd = min(owned ^ self.files.keys())
            raise ValueError(f"{odd!r} is {'not listed' if odd in owned else 'no file of a pack'}")
        return self

    @property
    def pixel_type(self) -> np.dtype[Any]:
        """The dtype as numpy's."""
        return np.dtype(self.dtype)

    @property
    def shards(self) -> int:
        """Files of the array."""
        return -(-self.shape[0] // self.shard_sites)

    def to_json(self) -> str:
        """The text of `manifest.json`."""
        return json.dumps(self.model_dump(mode="json"), indent=2) + "\n"


def shard_file(shard: int) -> str:
    """Path of one file of the array, by the chunk keys of Zarr v3."""
    return f"{IMAGES}/c/{shard}/0/0/0"


def statistics_file(shard: int) -> str:
    """Path of the sums and histograms of one shard's sites."""
    return f"statistics/{shard:05}.safetensors"


def tiles_file(shard: int) -> str:
    """Path of the tile sums of one shard's sites."""
    return f"tiles/{shard:05}.safetensors"


def files_of_shard(shard: int) -> tuple[str, str, str]:
    """Paths of all that holds one shard's sites: pixels, statistics, tiles."""
    return shard_file(shard), statistics_file(shard), tiles_file(shard)


def is_pack(folder: Path) -> bool:
    """Whether a folder's `manifest.json` says that it is a pack; false where it cannot be read."""
    try:
        with (folder / MANIFEST).open("rb") as file:
            head = file.read(_HEAD_BYTES)
    except OSError:
        return False
    return f'"format": "{FORMAT}"'.encode() in head


def parse_manifest(content: bytes, source: str) -> Manifest:
    """The manifest in these bytes.

    Raises:
        ScreenError: they are no manifest of a pack, or one of a later major version.
    """
    try:
        found = json.loads(content)
    except ValueError as error:
        raise ScreenError(f"{source}: not JSON ({error}); copy the pack again") from None
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise ScreenError(f"{source}: not the manifest of a pack; give a folder that deepnoise screen pack wrote")
    _require_known_version(str(found.get("version")), source)
    try:
        return Manifest.model_validate(found)
    except ValidationError as error:
        raise ScreenError(f"{source}: {first_fault(error)}; copy the pack again") from None


_HEAD_BYTES = 200


def _require_known_version(version: str, source: str) -> None:
    major = version.partition(".")[0]
    if not major.isdigit():
        raise ScreenError(f"{source}: version is {version!r}; copy the pack again")
    if int(major) > MAJOR:
        raise ScreenError(
            f"{source}: a pack of format {version}, and this deepnoise reads {MAJOR}.x; "
            "upgrade it (pip install -U deepnoise), or pack the screen again"
        )
