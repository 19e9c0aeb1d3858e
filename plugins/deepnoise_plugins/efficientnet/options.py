"""Options of the EfficientNet backbones."""

from typing import Annotated

from pydantic import Field

from deepnoise_core.contracts import Options


class EfficientNetOptions(Options):
    """What can be set of an EfficientNet."""

    drop_path: Annotated[float, Field(ge=0, lt=1)] = Field(
        0.0, description="probability that a residual block is skipped in training (stochastic depth)"
    )
