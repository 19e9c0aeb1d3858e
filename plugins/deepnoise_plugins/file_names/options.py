"""Options of the reader of named files."""

from __future__ import annotations

import re
from typing import Self

from pydantic import Field, model_validator

from deepnoise_core.contracts import ReaderOptions
from deepnoise_core.contracts.readers import Name

GROUPS = ("well", "row", "col", "site", "channel", "plate", "experiment", "z", "t")
"""What a pattern may find in a name."""


class FileNamesOptions(ReaderOptions):
    """How the names of image files are read, where a microscope's convention is not enough."""

    pattern: Name | None = Field(
        None,
        description="regular expression for a file's path below the folder, without its ending; groups "
        "(?P<well>...) or row and col, site, channel, plate, experiment, z, t; e.g. "
        "(?P<plate>[^/]+)/(?P<well>[A-H][0-9]+)_f(?P<site>[0-9]+)_(?P<channel>[^_]+); known names where null",
    )
    channels: dict[Name, Name] = Field(
        {},
        description="channel → what the file names call it, or its page (from 0) in a multi-page file, in order; "
        "others are not read; all, as they are called, where empty",
    )
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

    @model_validator(mode="after")
    def _channels_differ(self) -> Self:
        called = [*self.channels.values()]
        if len({*called}) < len(called):
            raise ValueError("channels takes two channels from the same files; give each its own")
        return self

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
