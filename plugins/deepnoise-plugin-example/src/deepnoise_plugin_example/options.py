"""What recipes can set of each component."""

from typing import Annotated

from pydantic import Field

from deepnoise_core.contracts import Options


class StainwiseOptions(Options):
    """How wide the network is."""

    maps: Annotated[int, Field(ge=2)] = Field(4, description="feature maps of each stain")
    width: Annotated[int, Field(ge=1)] = Field(32, description="features of an image")


class EntropyOptions(Options):
    """How much unlabelled images count."""

    weight: Annotated[float, Field(ge=0)] = Field(0.1, description="weight of the entropy")
    ramp_epochs: Annotated[float, Field(ge=0)] = Field(5.0, description="epochs until the weight is reached")
