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
        0.001, description="smallest lead of an order, in probability mass a well, that is believed"
    )


class BalancedOptions(Options):
    """How often a class may come on a plate."""

    capacity: Annotated[int, Field(ge=1)] = Field(1, description="wells of a plate that may share a class")
    unassigned_score: Annotated[float, Field(allow_inf_nan=False)] | None = Field(
        None, description="log-probability of leaving a well without a class; none is left so where null"
    )
