"""What a recipe says about the learning rate over time."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from deepnoise_core.contracts.components import Options

ScheduleName = Literal[
    "constant", "cosine", "cosine-7-16", "cosine-restarts", "piecewise-cosine", "one-cycle", "step"
]

Factor = Annotated[float, Field(ge=0, le=1)]


class SchedulePiece(Options):
    """A falling half wave from one epoch to the next piece, or to the end of training."""

    epoch: Annotated[float, Field(ge=0)] = Field(description="epoch from which it holds; 0 for the first")
    start: Factor = Field(1.0, description="factor where it starts")
    final: Factor = Field(0.0, description="factor that it would reach after its period")
    period: Annotated[float, Field(gt=0)] = Field(
        description="epochs from start to final, however long the piece is"
    )


class ScheduleOptions(Options):
    """The learning rate as a pure function of training progress; factors are of `train.optimizer.lr`."""

    name: ScheduleName = Field(
        "cosine",
        description="constant, cosine, cosine-7-16, cosine-restarts, piecewise-cosine, one-cycle or step",
    )
    warmup_epochs: Annotated[float, Field(ge=0)] = Field(
        0.0, description="linear rise from zero; of all but one-cycle"
    )
    final: Factor = Field(
        0.0, description="last factor of cosine and one-cycle, and of each cycle of cosine-restarts"
    )
    milestones: tuple[Annotated[int, Field(ge=1)], ...] = Field(
        (), description="finished epochs after which step changes its factor"
    )
    gamma: Annotated[float, Field(gt=0, le=1)] | None = Field(
        None, description="step multiplies by it at each milestone; 0.1 where null"
    )
    factors: tuple[Factor, ...] = Field(
        (), description="step's factors instead of gamma: one before the first milestone, one after each"
    )
    cycles: Annotated[int, Field(ge=1)] = Field(1, description="equally long cycles of cosine-restarts")
    tail_epochs: Annotated[int, Field(ge=0)] = Field(
        0, description="epochs after the last cycle of cosine-restarts; they do not count for the cycles"
    )
    tail: Factor | None = Field(None, description="factor in these epochs; final where null")
    pieces: tuple[SchedulePiece, ...] = Field((), description="half waves of piecewise-cosine, by epoch")
    rise: Annotated[float, Field(gt=0, lt=1)] = Field(
        0.3, description="share of training in which one-cycle rises"
    )
    start: Factor = Field(0.04, description="first factor of one-cycle")

    @model_validator(mode="after")
    def _options_are_of_the_schedule(self) -> Self:
        fields = type(self).model_fields
        for option, schedules in _OWNERS.items():
            if self.name not in schedules and getattr(self, option) != fields[option].default:
                raise ValueError(
                    f"{option} is of {', '.join(schedules)} and not of {self.name}; remove it, or change the name"
                )
        return self

    @model_validator(mode="after")
    def _factors_go_with_milestones(self) -> Self:
        if any(later <= earlier for earlier, later in pairwise(self.milestones)):
            raise ValueError("milestones must rise")
        if self.factors and self.gamma is not None:
            raise ValueError("step takes gamma or factors; remove one of the two")
        if self.factors and len(self.factors) != len(self.milestones) + 1:
            raise ValueError(
                f"{len(self.milestones)} milestones need {len(self.milestones) + 1} factors, the first of them "
                f"before the first milestone; there are {len(self.factors)}"
            )
        return self

    @model_validator(mode="after")
    def _pieces_follow_each_other(self) -> Self:
        if self.name != "piecewise-cosine":
            return self
        epochs = [piece.epoch for piece in self.pieces]
        if not epochs or epochs[0] != 0 or any(later <= earlier for earlier, later in pairwise(epochs)):
            raise ValueError("the epochs of the pieces of piecewise-cosine must start at 0 and rise")
        return self


_OWNERS: Mapping[str, tuple[ScheduleName, ...]] = {
    "warmup_epochs": ("constant", "cosine", "cosine-7-16", "cosine-restarts", "piecewise-cosine", "step"),
    "final": ("cosine", "cosine-restarts", "one-cycle"),
    "milestones": ("step",),
    "gamma": ("step",),
    "factors": ("step",),
    "cycles": ("cosine-restarts",),
    "tail_epochs": ("cosine-restarts",),
    "tail": ("cosine-restarts",),
    "pieces": ("piecewise-cosine",),
    "rise": ("one-cycle",),
    "start": ("one-cycle",),
}
"""Option → the schedules that it belongs to."""
