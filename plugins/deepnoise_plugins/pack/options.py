"""Options of the reader of packs."""

from typing import Annotated

from pydantic import Field

from deepnoise_core.contracts import Options


class PackReaderOptions(Options):
    """How a pack is read."""

    threads: Annotated[int, Field(ge=1)] | None = Field(
        None, description="parts of a batch read at once; up to four, as the machine has cores, where null"
    )
