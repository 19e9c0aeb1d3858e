"""What a recipe says about the sites of a batch."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from deepnoise_core.contracts.components import Options

Domain = Literal["plate", "experiment", "cell_type"]


class BatchOptions(Options):
    """Which sites stand together in a batch."""

    mix: Literal["ratio", "random"] = Field(
        "ratio",
        description="ratio: both kinds in sizes as set; random: one shuffle of all sites, as DeepNoise published",
    )
    domain: Domain | None = Field(
        None, description="plate, experiment or cell_type: each batch is from one; from all where null"
    )
    weights: Literal["none", "balanced"] = Field(
        "none", description="balanced draws labelled sites with replacement, every class equally often"
    )

    @model_validator(mode="after")
    def _random_is_one_shuffle(self) -> Self:
        if self.mix == "random" and (self.domain is not None or self.weights != "none"):
            raise ValueError("mix: random is one shuffle of all sites; set domain and weights with mix: ratio")
        return self
