"""Options of the Xception backbones."""

from typing import Literal

from pydantic import Field

from deepnoise_core.contracts import Options


class XceptionOptions(Options):
    """What can be set of an Xception."""

    stem: Literal["7x7", "3x3"] = Field(
        "7x7", description="first convolution: 7x7 as of DeepNoise, or 3x3 without padding as of Xception itself"
    )
    final_relu: bool = Field(
        default=False, description="ReLU before pooling, as Xception itself; DeepNoise pools the last batch norm"
    )
