"""What a check found, where, and how bad it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any


class Severity(StrEnum):
    """An error spoils what is learned from it; a warning should be looked at."""

    ERROR = "error"
    WARNING = "warning"


CHECKS: Mapping[str, str] = {
    "left out": "sites that the reader left out",
    "no images": "the images are not there",
    "unreadable": "images that are missing, damaged, or of another size or type",
    "same pixels": "different sites with identical images",
    "same channels": "two channels of a site with one image",
    "constant": "images whose pixels all have one value",
    "saturated": "images with many pixels at the top of their scale",
    "out of focus": "sites much less sharp than their plate",
    "empty": "sites with hardly any structure, as without cells",
    "channel order": "plates whose channels look exchanged",
    "wells": "wells that are none, or lie beyond their plate",
    "layout": "experiments whose wells hold the same as another's",
}
"""The name of every check, in the order of reports, and what it finds."""


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong with a screen, or looks so.

    Attributes:
        check: one of `CHECKS`.
        severity: how bad it is.
        message: what was found, for people.
        experiment: where it is; None where it concerns more than one.
        plate: name within its experiment.
        well: name within its plate.
        site: its id.
        channel: its name.
        file: path of the image, where the screen has one file a plane.
    """

    check: str
    severity: Severity
    message: str
    experiment: str | None = None
    plate: str | None = None
    well: str | None = None
    site: str | None = None
    channel: str | None = None
    file: str | None = None

    @property
    def place(self) -> str:
        """Where it is, in short: the site, or plate and well, or the experiment."""
        if self.site is not None:
            return self.site
        if self.plate is None:
            return self.experiment or "the screen"
        return f"plate {self.plate} of {self.experiment}" + (f", {self.well}" if self.well else "")

    def as_dict(self) -> dict[str, Any]:
        """All fields in JSON types."""
        return asdict(self)
