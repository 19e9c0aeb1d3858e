"""Options of the plate post-processors."""

from typing import Annotated, Literal

from pydantic import Field

from deepnoise_core.contracts import NoOptions, Options


class SiteMeanOptions(NoOptions):
    """Nothing to set."""


class GroupOptions(Options):
    """How the group of each plate is found."""

    arrangements: Literal["cyclic", "all"] | tuple[tuple[Annotated[int, Field(ge=0)], ...], ...] = Field(
        "cyclic",
        description="orders of the groups over an experiment's plates: cyclic (rotations of the order on "
        "training plates), all, or a list of orders, each a list of group numbers",
    )
    threshold: Annotated[float, Field(ge=0)] = Field(
        3.0, description="smallest lead of an order over the next, in standard errors, that is believed"
    )


class BalancedOptions(Options):
    """How often a class may come on a plate."""

    capacity: Annotated[int, Field(ge=1)] | None = Field(
        None, description="wells of a plate that may share a class; as the design of the plates says where null"
    )
    unassigned_score: Annotated[float, Field(allow_inf_nan=False)] | None = Field(
        None, description="log-probability of leaving a well without a class; none is left so where null"
    )


class ClassBalancedOptions(Options):
    """How finely multipliers are searched."""

    step: Annotated[float, Field(gt=0, le=1)] = Field(0.01, description="first step of a multiplier")
    halvings: Annotated[int, Field(ge=0, le=20)] = Field(6, description="how often the step is halved")
    rounds: Annotated[int, Field(ge=1)] = Field(3000, description="most steps of one size")


class TransportOptions(Options):
    """What a plate can hold, and how exactly the soft assignment keeps to it."""

    capacity: Annotated[int, Field(ge=1)] | None = Field(
        None, description="wells of a plate that may share a class; as the design of the plates says where null"
    )
    unassigned_score: Annotated[float, Field(allow_inf_nan=False)] | None = Field(
        None, description="log-probability of leaving a well without a class; none is left so where null"
    )
    temperature: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = Field(
        None, description="what logits are divided by; what was fitted on validation wells, or 1, where null"
    )
    entropy: Literal["bethe", "shannon"] = Field(
        "bethe", description="bethe (calibrated), or shannon, that of entropic transport (less sure than right)"
    )
    tolerance: Annotated[float, Field(gt=0)] = Field(
        1e-4, description="wells by which a class may exceed its capacity, or a probability still change"
    )
    iterations: Annotated[int, Field(ge=1)] = Field(
        1000, description="most updates of a plate; a note tells where they ran out"
    )
