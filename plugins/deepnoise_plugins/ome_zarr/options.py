"""Options of the OME-Zarr reader."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from deepnoise_core.contracts import ReaderOptions

Index = Annotated[int, Field(ge=0)]


class OmeZarrOptions(ReaderOptions):
    """What is read of OME-Zarr plates, and what happens to wells and images that are not there."""

    absent_chunks: Literal["missing", "fill"] = Field(
        "missing",
        description="images whose chunk files are not all there: they are missing (most often a copy is "
        "incomplete), or the fill value stands for them (some writers leave out black chunks)",
    )
    plate_name: Literal["metadata", "store"] = Field(
        "metadata", description="plates are named by their metadata, or by the names of their stores"
    )
    acquisitions: tuple[Index, ...] | None = Field(
        None, description="acquisitions to read, by their number; others are listed as dropped; all where null"
    )
    level: Index = Field(0, description="resolution of the pyramid; 0 is the full size")
    z: Index | None = Field(None, description="z plane to read, from 0; needed where there are several")
    t: Index | None = Field(None, description="time point to read, from 0; needed where there are several")
