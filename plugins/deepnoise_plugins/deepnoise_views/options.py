"""Options of the augmentation `deepnoise`; the defaults are the published ones."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from deepnoise_core.contracts import Options

Probability = Annotated[float, Field(ge=0, le=1)]
Share = Annotated[float, Field(ge=0, lt=1)]


class ViewsOptions(Options):
    """How far the three levels go."""

    flip: Probability = Field(0.5, description="probability of each flip and of one 90-degree turn")
    shift_scale: Probability = Field(0.5, description="probability of the shift, scale and aspect change")
    shift: Share = Field(0.1, description="largest shift, as a share of the side")
    scale: Share = Field(0.1, description="largest relative change of size")
    aspect: Share = Field(0.1, description="largest relative change of width over height")
    erase: Probability = Field(0.5, description="normal and hard: probability of one erased box")
    erase_area: tuple[Share, Share] = Field((0.02, 0.4), description="share of the image that the box covers")
    erase_aspect: Annotated[float, Field(gt=0, le=1)] = Field(
        0.3, description="height over width of the box is between this and its inverse"
    )
    crop: tuple[Share, Share] = Field((0.8, 0.99), description="hard: side of the crop that is resized back")

    @model_validator(mode="after")
    def _ranges_rise(self) -> Self:
        for name in ("erase_area", "crop"):
            low, high = getattr(self, name)
            if low > high:
                raise ValueError(f"{name} must be (low, high), but {low} > {high}")
        return self
