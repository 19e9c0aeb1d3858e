"""How a screen is packed."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from deepnoise_core.contracts import Options

Codec = Literal["zstd", "none"]


class PackOptions(Options):
    """What a pack holds and how; the defaults follow `benchmarks/data.py`."""

    codec: Codec = Field("zstd", description="zstd: half the bytes; none: four times as fast to read")
    size: Annotated[int, Field(ge=8)] | None = Field(
        None, description="resize sites to this side once, in pixels; as they are where null"
    )
    bad_images: Literal["error", "skip"] = Field(
        "error", description="an image that cannot be read: stop, or leave its site out and list it"
    )
    shard_sites: Annotated[int, Field(ge=1)] | None = Field(
        None, description="sites a file; about 200 MB of pixels where null"
    )
