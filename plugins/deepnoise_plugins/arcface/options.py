"""Options of the head `arcface`."""

from typing import Annotated

from pydantic import Field

from deepnoise_core.contracts import Options


class ArcFaceOptions(Options):
    """Scale and margin; the defaults are those of DeepNoise (arXiv 2209.05772)."""

    scale: Annotated[float, Field(gt=0)] = Field(30.0, description="factor s of all cosines")
    margin: Annotated[float, Field(ge=0, le=1.5)] = Field(0.1, description="angle m in radians")
