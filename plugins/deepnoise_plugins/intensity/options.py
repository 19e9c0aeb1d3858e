"""Options of the normalizers."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator

from deepnoise_core.contracts import Level, NoOptions, Options, ReferenceWells

Percentage = Annotated[float, Field(ge=0, le=100)]


class NoneOptions(NoOptions):
    """Nothing to set."""


class ScaleOptions(Options):
    """Which pixels an image is measured by."""

    level: Literal["site", "plate", "experiment", "cell_type", "screen"] = Field(
        "plate",
        description="pixels of the site alone, or of all sites of its plate, experiment, cell_type or screen",
    )
    reference: ReferenceWells = Field(
        "all", description="sites that count: all, negative_controls, or controls (positive ones too)"
    )
    minimum: Annotated[int, Field(ge=1)] | None = Field(
        None, description="fewest reference sites that are enough; null is 4 for controls and 1 for all"
    )
    few: Literal["error", "wider"] = Field(
        "error",
        description="where there are fewer reference sites than the minimum: error, or the next wider level that "
        "has enough, with a note",
    )
    constant: Literal["centre", "error"] = Field(
        "centre", description="a channel without spread is only centred, with a note, or an error"
    )
    jitter: Annotated[float, Field(ge=0, lt=1)] = Field(
        0.0,
        description="in training, what is subtracted and what is divided by are each multiplied by "
        "1 + U(-jitter, jitter), per channel and image; DeepNoise takes 0.1",
    )

    @field_validator("reference")
    @classmethod
    def _site_is_its_own_reference(cls, reference: ReferenceWells, info: ValidationInfo) -> ReferenceWells:
        if info.data.get("level") == "site" and reference != "all":
            raise ValueError("a site alone has no reference sites; leave it at all, or choose a wider level")
        return reference

    @property
    def enough(self) -> int:
        """Fewest reference sites, the default filled in."""
        return self.minimum or (1 if self.reference == "all" else 4)


class PercentileOptions(ScaleOptions):
    """What becomes 0 and 1."""

    low: Percentage = Field(0.1, description="percentile that becomes 0, as does all below")
    high: Percentage = Field(99.9, description="percentile that becomes 1, as does all above")

    @field_validator("high")
    @classmethod
    def _above_low(cls, high: float, info: ValidationInfo) -> float:
        if high <= info.data.get("low", -1.0):
            raise ValueError(f"must be above low, which is {info.data['low']:g}")
        return high


class FlatFieldOptions(ScaleOptions):
    """How uneven illumination is estimated."""

    illumination: Level = Field(
        "experiment", description="sites that share an illumination: a plate, an experiment, a cell_type or all"
    )
    degree: Annotated[int, Field(ge=1, le=6)] = Field(
        4, description="degree of the polynomial in both coordinates that the illumination is taken for"
    )
    dark: Annotated[float, Field(ge=0, allow_inf_nan=False)] = Field(
        0.0, description="intensity that the camera reports without light; subtracted first"
    )
