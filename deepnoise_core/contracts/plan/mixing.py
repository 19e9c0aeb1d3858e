"""What a recipe says about mixed images."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from deepnoise_core.contracts.components import Options


class MixingOptions(Options):
    """How labelled images are mixed two and two, with their targets and conditions."""

    name: Literal["none", "cutmix", "mixup"] = Field(
        "none", description="none, cutmix (a box of the other image is pasted) or mixup (the mean of both)"
    )
    alpha: Annotated[float, Field(gt=0)] = Field(
        1.0, description="the share that is kept is from Beta(alpha, alpha); 1 for any share equally likely"
    )
    probability: Annotated[float, Field(ge=0, le=1)] = Field(1.0, description="probability of being mixed at all")
    per: Literal["batch", "image"] = Field(
        "batch", description="whether share and box are one a batch or an image"
    )
