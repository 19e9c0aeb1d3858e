"""What a recipe says about the optimiser."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from deepnoise_core.contracts.components import Options

OptimizerName = Literal["adamw", "adam", "sgd"]


class OptimizerOptions(Options):
    """Which optimiser moves the student."""

    name: OptimizerName = Field("adamw", description="adamw, adam or sgd (Nesterov where momentum > 0)")
    lr: Annotated[float, Field(gt=0)] = Field(1e-3, description="learning rate at the top of the schedule")
    weight_decay: Annotated[float, Field(ge=0)] = Field(
        1e-4, description="decay; an L2 penalty of adam and sgd, apart from the gradient in adamw"
    )
    decay: Literal["matrices", "all"] = Field(
        "matrices", description="what decays: matrices leaves out biases and norm weights; all, as DeepNoise"
    )
    momentum: Annotated[float, Field(ge=0, lt=1)] = Field(0.9, description="momentum of sgd alone")
