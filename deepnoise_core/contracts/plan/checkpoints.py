"""What a recipe says of the states that a training saves."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from deepnoise_core.contracts.components import Options


class CheckpointOptions(Options):
    """How often a training saves what it needs to go on, which changes nothing of what it learns."""

    minutes: Annotated[float, Field(ge=0)] = Field(
        5.0,
        description="least time between two; longer where saving would take more than 1 % of it; 0 is every step",
    )
    keep: Annotated[int, Field(ge=1)] = Field(
        2, description="newest ones that stay; the one before is taken where the newest is damaged"
    )
