"""Images of wells, each stretched by its plate, and small enough for a page."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from deepnoise.pictures.composite import Levels, channel_images, coloured, plate_levels, thumbnail
from deepnoise_core.contracts import Screen
from deepnoise_core.contracts.errors import ImageError

_PREFIX = "data:image/webp;base64,"
_SAMPLED = 16
_GAP = 2


class Grade(NamedTuple):
    """How well a picture is kept: its longer side in pixels, WebP quality, and sites of a well."""

    size: int
    quality: int
    sites: int


@dataclass(frozen=True)
class WellImages:
    """The images of N wells.

    Attributes:
        screen: its store is read.
        sites: rows of the screen of each well.
        levels: what is shown as dark and bright on each plate.
        faults: well → why its image cannot be read, as far as it was tried.
    """

    screen: Screen
    sites: Sequence[NDArray[np.int64]]
    levels: Levels
    faults: dict[int, str]

    def channels(self, well: int, grade: Grade) -> NDArray[np.uint8] | None:
        """Each channel in grey, sites side by side, [C, h, w]; None, and a fault, where it cannot be read."""
        if well in self.faults:
            return None
        rows = self.sites[well][: grade.sites]
        try:
            shown = [channel_images(self.screen, int(row), size=grade.size, levels=self.levels) for row in rows]
        except ImageError as error:
            self.faults[well] = str(error)
            return None
        gap = np.zeros((*shown[0].shape[:2], _GAP), dtype=np.uint8)
        return np.concatenate([part for one in shown for part in (gap, one)][1:], axis=2)

    def composites(self, wells: Iterable[int], grade: Grade, budget: int) -> dict[int, str]:
        """Wells in colour as data URIs, the first ones first, until so many bytes are spent."""
        made: dict[int, str] = {}
        for well in dict.fromkeys(wells):
            channels = self.channels(well, grade)
            if channels is None:
                continue
            uri = data_uri(coloured(channels), grade.quality)
            budget -= len(uri)
            if budget < 0:
                break
            made[well] = uri
        return made


def well_images(screen: Screen, sites: Sequence[NDArray[np.int64]], wells: Iterable[int]) -> WellImages:
    """The images of those wells that may be shown; wells of plates of which none can be read are faults.

    Args:
        screen: its store is read, up to 16 sites of each plate.
        sites: rows of the screen of each of N wells.
        wells: those that may be shown.
    """
    places = screen.sites.select("experiment", "plate").rows()
    members: dict[tuple[str, str], list[int]] = {}
    for well in sorted(wells):
        members.setdefault(places[sites[well][0]], []).append(well)
    found: dict[tuple[str, str], NDArray[np.float32]] = {}
    faults: dict[int, str] = {}
    for own in members.values():
        rows = np.array([sites[well][0] for well in own[:: -(-len(own) // _SAMPLED)]], dtype=np.int64)
        try:
            found |= plate_levels(screen, rows).of_plate
        except ImageError as error:
            readable = [row for row in rows.tolist() if _can_read(screen, row)]
            if readable:
                found |= plate_levels(screen, np.array(readable)).of_plate
            else:
                faults |= dict.fromkeys(own, str(error))
    return WellImages(screen, sites, Levels(found), faults)


def data_uri(image: NDArray[np.uint8], quality: int) -> str:
    """A picture, [h, w] or [h, w, 3], as a URI that holds all of it."""
    return _PREFIX + base64.b64encode(thumbnail(image, quality=quality)).decode()


def _can_read(screen: Screen, row: int) -> bool:
    try:
        screen.store.read(np.array([row]))
    except ImageError:
        return False
    return True
