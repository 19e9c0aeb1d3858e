"""Options that readers of image files have in common."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from deepnoise_core.contracts.components import Options

Name = Annotated[str, Field(min_length=1)]


class ReaderOptions(Options):
    """What a layout of files does not tell, and what happens where some are not there."""

    stains: dict[Name, Name] = Field({}, description="stain or antibody of channels, by channel name")
    layout: Name | None = Field(
        None,
        description="plate map, CSV or Parquet, with well[, plate, experiment], perturbation, role, ...; "
        "a relative path starts at the folder of the screen",
    )
    missing: Literal["drop", "error"] = Field(
        "drop", description="sites without all their images: leave out and list as dropped, or refuse the screen"
    )
