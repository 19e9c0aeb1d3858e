"""Options of the strategy `progressive-pseudo-labels`; the defaults are those of the first place."""

from typing import Annotated

from pydantic import Field

from deepnoise_core.contracts import Options, TestTimeViews

Share = Annotated[float, Field(ge=0, le=1)]


class ProgressiveOptions(Options):
    """When wells of the pool are accepted, how many, and what they weigh."""

    from_share: Share = Field(
        90 / 130, description="share of training after which wells are accepted, in whole epochs"
    )
    first_fraction: Share = Field(0.4, description="share of the pool's wells that the first round aims at")
    last_fraction: Share = Field(
        1.0, description="share that rounds approach: the goal is first + (last - first) x, x rising to 1"
    )
    weight: Annotated[float, Field(ge=0)] = Field(
        1.0, description="weight of an accepted image, where a labelled one weighs 1"
    )
    agree: bool = Field(
        default=False,
        description="whether a label must also be the network's first choice among all classes and the one of "
        "the plate's assignment",
    )
    tta: TestTimeViews = Field("none", description="copies of each image over which the network is averaged")
    view: str = Field("normal", description="view that the network learns from, labelled or accepted")
