"""Options of the heads with a margin."""

from typing import Annotated

from pydantic import Field

from deepnoise_core.contracts import Options

Scale = Annotated[float, Field(gt=0)]
Angle = Annotated[float, Field(ge=0, le=1.5)]
Weight = Annotated[float, Field(gt=0)]
Width = Annotated[int, Field(ge=1)]


class ArcFaceOptions(Options):
    """Scale and margin; the defaults are those of DeepNoise (arXiv 2209.05772)."""

    scale: Scale = Field(30.0, description="factor s of all cosines")
    margin: Angle = Field(0.1, description="angle m in radians")
    neck: Width | None = Field(None, description="width of a neck before the cosines, as dual's; none where null")


class CosFaceOptions(Options):
    """Scale and margin; the margin is that of the paper (arXiv 1801.09414)."""

    scale: Scale = Field(30.0, description="factor s of all cosines")
    margin: Annotated[float, Field(ge=0, le=1)] = Field(0.35, description="m, taken from the true class's cosine")
    neck: Width | None = Field(None, description="width of a neck before the cosines, as dual's; none where null")


class DualOptions(Options):
    """Two classifiers; the defaults are those of the first place of the RxRx1 challenge."""

    linear_weight: Weight = Field(0.8, description="weight of the linear layer's loss")
    margin_weight: Weight = Field(0.2, description="weight of ArcFace's loss")
    halved: bool = Field(default=True, description="whether ArcFace's loss is halved before it is weighted")
    scale: Scale = Field(30.0, description="factor s of all cosines")
    margin: Angle = Field(0.5, description="angle m in radians")
    neck: Width | None = Field(
        None, description="width of a neck before both, 1024 in the first place; none where null"
    )
