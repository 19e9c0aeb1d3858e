"""What a recipe says about the optimiser and its learning rate."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from deepnoise_core.contracts.components import Options

OptimizerName = Literal["adamw", "adam", "sgd"]
ScheduleName = Literal["constant", "cosine", "step"]


class OptimizerOptions(Options):
    """Which optimiser moves the student."""

    name: OptimizerName = Field("adamw", description="adamw, adam or sgd (Nesterov where momentum > 0)")
    lr: Annotated[float, Field(gt=0)] = Field(1e-3, description="learning rate at the top of the schedule")
    weight_decay: Annotated[float, Field(ge=0)] = Field(1e-4, description="decay of weight matrices alone")
    momentum: Annotated[float, Field(ge=0, lt=1)] = Field(0.9, description="momentum of sgd alone")


class ScheduleOptions(Options):
    """The learning rate as a pure function of training progress."""

    name: ScheduleName = Field("cosine", description="constant, cosine, or step at given epochs")
    warmup_epochs: Annotated[float, Field(ge=0)] = Field(0.0, description="linear rise from zero")
    final: Annotated[float, Field(ge=0, le=1)] = Field(0.0, description="last factor of the cosine")
    milestones: tuple[Annotated[int, Field(ge=1)], ...] = Field((), description="epochs at which step decays")
    gamma: Annotated[float, Field(gt=0, le=1)] = Field(0.1, description="factor of step at each milestone")
