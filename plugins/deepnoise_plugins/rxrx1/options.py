"""Options of the RxRx1 reader."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from deepnoise_core.contracts import Options


class RxRx1Options(Options):
    """What is read of an RxRx1 folder, and what happens to sites that lack an image."""

    missing: Literal["drop", "error"] = Field(
        "drop",
        description="sites without all their images: leave out and list as dropped, or refuse the screen",
    )
    sites: Annotated[tuple[Annotated[int, Field(ge=1)], ...], Field(min_length=1)] = Field(
        (1, 2), description="numbers of the sites to read of each well; others are listed as dropped"
    )
