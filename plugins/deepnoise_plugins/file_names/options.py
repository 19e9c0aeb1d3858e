"""Options of the reader of named files."""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from deepnoise_core.contracts import Options

Name = Annotated[str, Field(min_length=1)]

GROUPS = ("well", "row", "col", "site", "channel", "plate", "experiment", "z", "t")
"""What a pattern may find in a name."""


class FileNamesOptions(Options):
    """How the names of image files are read, where a microscope's convention is not enough."""

    pattern: Name | None = Field(
        None,
        description="regular expression for a file's path below the folder, without its ending; groups "
        "(?P<well>...) or row and col, site, channel, plate, experiment, z, t; e.g. "
        "(?P<plate>[^/]+)/(?P<well>[A-H][0-9]+)_f(?P<site>[0-9]+)_(?P<channel>[^_]+); known names where null",
    )
    channels: dict[Name, Name] = Field(
        {},
        description="channel in the file names, or page (from 0) of a multi-page file → name of the channel, in "
        "order; others are not read; all, as they are called, where empty",
    )
    stains: dict[Name, Name] = Field({}, description="stain or antibody of channels, by channel name")
    z: int | None = Field(
        None,
        description="z plane to read, as numbered in the file names, or from 0 in a multi-page file; needed "
        "where there are several",
    )
    t: int | None = Field(
        None,
        description="time point to read, as numbered in the file names, or from 0 in a multi-page file; needed "
        "where there are several",
    )
    layout: Name | None = Field(
        None,
        description="plate map, CSV or Parquet, with well[, plate, experiment], perturbation, role, ...; "
        "a relative path starts at the folder of the images",
    )
    missing: Literal["drop", "error"] = Field(
        "drop", description="sites without all their images: leave out and list as dropped, or refuse the screen"
    )

    @model_validator(mode="after")
    def _pattern_is_usable(self) -> Self:
        if self.pattern is None:
            return self
        try:
            groups = re.compile(self.pattern).groupindex.keys()
        except re.error as error:
            raise ValueError(f"pattern is no regular expression ({error})") from None
        unknown = groups - set(GROUPS)
        if unknown:
            raise ValueError(f"pattern has the group {min(unknown)}; known are {', '.join(GROUPS)}")
        if "well" not in groups and not {"row", "col"} <= groups:
            raise ValueError("pattern needs the group well, or row and col")
        return self
