"""Options of the strategy `supervised`."""

from typing import Annotated, Literal

from pydantic import Field

from deepnoise_core.contracts import Options


class SupervisedOptions(Options):
    """What can be set of plain supervision."""

    view: Literal["easy", "normal", "hard"] = Field("normal", description="view that the network learns from")
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = Field(0.0, description="mass spread evenly")
