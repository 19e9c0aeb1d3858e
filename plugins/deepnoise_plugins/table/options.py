"""Options of the table reader."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from deepnoise_core.contracts import Options, Role

Name = Annotated[str, Field(min_length=1)]
SiteColumn = Literal[
    "site_id",
    "well_id",
    "experiment",
    "plate",
    "well",
    "site",
    "cell_type",
    "role",
    "perturbation",
    "dataset",
]


class TableOptions(Options):
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
    stains: dict[Name, Name] = Field({}, description="stain or antibody of channels, by channel name")
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
    layout: Name | None = Field(
        None,
        description="plate map, CSV or Parquet, with well[, plate, experiment], perturbation, role, ...; "
        "a relative path starts at the folder of the table",
    )
    missing: Literal["drop", "error"] = Field(
        "drop", description="sites without all their images: leave out and list as dropped, or refuse the screen"
    )

    @model_validator(mode="after")
    def _agree(self) -> Self:
        both = self.columns.keys() & self.constants.keys()
        if both:
            raise ValueError(f"{', '.join(sorted(both))} stands in columns and in constants; keep one")
        if self.listed_root is not None and self.image_root is None:
            raise ValueError("listed_root needs image_root, the folder on this machine")
        return self
