"""Options of the table reader."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from deepnoise_core.contracts import ReaderOptions, Role
from deepnoise_core.contracts.readers import Name
from deepnoise_core.contracts.screens import SiteColumn


class TableOptions(ReaderOptions):
    """What the columns of a table mean, where the header does not tell, and where its images lie."""

    columns: dict[SiteColumn, Name] = Field(
        {}, description="column of the screen → column of the table; found by the header where not given"
    )
    constants: dict[SiteColumn, Name] = Field(
        {}, description="column of the screen → its value in every row, e.g. cell_type: U2OS"
    )
    channels: dict[Name, Name] = Field(
        {}, description="channel → column of its image files, in order; found by the header where not given"
    )
    images: Literal["listed", "none"] = Field(
        "listed", description="none opens a table that names no images: wells or sites as rows, without pixels"
    )
    roles: dict[str, Role] = Field(
        {},
        description="value of the role column → role; poscon* stands for all that begin so, * for any, and an "
        "empty text for an empty cell",
    )
    image_root: Name | None = Field(
        None,
        description="folder that image names start from, itself relative to the table's folder, which it is "
        "where null",
    )
    listed_root: Name | None = Field(
        None,
        description="what image_root is called in the table, where this was written on another machine, e.g. "
        "D:/plates or s3://bucket/plates",
    )

    @model_validator(mode="after")
    def _agree(self) -> Self:
        both = self.columns.keys() & self.constants.keys()
        if both:
            raise ValueError(f"{', '.join(sorted(both))} stands in columns and in constants; keep one")
        if self.images == "none" and (self.channels or self.image_root is not None):
            raise ValueError("channels and image_root say where images are; leave them out with images: none")
        if self.listed_root is not None and self.image_root is None:
            raise ValueError("listed_root needs image_root, the folder on this machine")
        return self
