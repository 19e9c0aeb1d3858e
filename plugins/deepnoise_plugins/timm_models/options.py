"""Options of the backbone `timm`."""

from typing import Annotated

from pydantic import Field

from deepnoise_core.contracts import Options


class TimmOptions(Options):
    """Which timm architecture, and its regularisation."""

    model: str = Field("resnet18", description="name of the architecture, as `timm.list_models()` prints it")
    drop_path: Annotated[float, Field(ge=0, lt=1)] = Field(
        0.0, description="stochastic depth, for architectures that have it"
    )
