"""Options of the head `linear`."""

from typing import Annotated

from pydantic import Field

from deepnoise_core.contracts import Options


class LinearOptions(Options):
    """What can be set of the linear head."""

    dropout: Annotated[float, Field(ge=0, lt=1)] = Field(0.0, description="dropout on what the layer reads")
    neck: Annotated[int, Field(ge=1)] | None = Field(
        None, description="width of the first place's neck before the layer; none where null"
    )
