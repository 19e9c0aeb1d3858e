"""Options of the strategy `supervised`."""

from pydantic import Field

from deepnoise_core.contracts import Options


class SupervisedOptions(Options):
    """What can be set of plain supervision."""

    view: str = Field("normal", description="view that the network learns from")
