"""Options of the normalizers."""

from typing import Annotated

from pydantic import Field

from deepnoise_core.contracts import NoOptions, Options


class NoneOptions(NoOptions):
    """Nothing to set."""


class ZScoreOptions(Options):
    """What all z-scores have in common."""

    jitter: Annotated[float, Field(ge=0, lt=1)] = Field(
        0.0,
        description="in training, mean and std are each multiplied by 1 + U(-jitter, jitter), per channel "
        "and image; DeepNoise takes 0.1",
    )
