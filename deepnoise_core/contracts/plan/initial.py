"""What a recipe says about the weights that training starts from."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from deepnoise_core.contracts.components import Options

Stem = Literal["mean", "repeat", "by_channel", "random"]


class InitialOptions(Options):
    """Whose weights the network starts with, and what becomes of those that cannot fit."""

    weights: Annotated[str, Field(min_length=1)] = Field(
        description="run or bundle as folder, hf-hub:org/name or builtin:NAME; pretrained (by timm), "
        "hf-hub:org/name or local-dir:FOLDER in timm's layout; safetensors file of a timm network; "
        "from the current folder"
    )
    stem: Stem | None = Field(
        None, description="adapts a first convolution of other channels: mean, repeat, by_channel or random"
    )
    channels: dict[str, str] = Field(
        {},
        description="by_channel alone: screen's channel: channel of the weights; of its own name if not here",
    )
    head: Literal["keep", "new"] = Field(
        "new", description="keep the head of a run or bundle with the same classes, or start a new one"
    )

    @model_validator(mode="after")
    def _channels_are_of_by_channel(self) -> Self:
        if self.channels and self.stem != "by_channel":
            raise ValueError("channels are for stem: by_channel; set it, or leave channels out")
        return self
