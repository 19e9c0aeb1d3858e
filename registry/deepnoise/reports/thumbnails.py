"""Pictures of wells that fit a budget: all channels apart where there is room, a composite where there is little.

The wells that need a look come first, so that a small budget is spent on them.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from deepnoise.pictures.composite import Levels, channel_images, coloured, plate_levels, thumbnail
from deepnoise_core.contracts import Screen
from deepnoise_core.contracts.errors import ImageError
from deepnoise_core.engine.observation import Observer

_PREFIX = "data:image/webp;base64,"
_SAMPLED = 16
_RESERVE = 1.15
_GAP = 2


class Grade(NamedTuple):
    """How well a picture is kept: its longer side in pixels, WebP quality, and sites of a well."""

    size: int
    quality: int
    sites: int


GRADES = (
    Grade(192, 70, 2),
    Grade(160, 65, 2),
    Grade(128, 60, 2),
    Grade(128, 60, 1),
    Grade(96, 55, 1),
    Grade(72, 50, 1),
    Grade(56, 45, 1),
    Grade(40, 40, 1),
)
"""From the best to the least."""


class Plan(NamedTuple):
    """What is spent: the grade of pictures, and how many wells get their channels apart, or a composite."""

    grade: Grade
    apart: int
    together: int


@dataclass(frozen=True)
class Thumbnails:
    """Pictures of wells, as data URIs.

    Attributes:
        apart: well → its channels in grey, side by side.
        together: well → its channels in one colour picture.
        brightness: mean of each channel between the plate's dark and bright, [N, C]; NaN where not looked at.
        faults: well → why its image cannot be read.
        grade: how well pictures are kept; None where there are none.
        bytes: what they take on the page.
    """

    apart: Mapping[int, str] = field(default_factory=dict)
    together: Mapping[int, str] = field(default_factory=dict)
    brightness: NDArray[np.float64] = field(default_factory=lambda: np.empty((0, 0)))
    faults: Mapping[int, str] = field(default_factory=dict)
    grade: Grade | None = None
    bytes: int = 0


def make_thumbnails(
    screen: Screen,
    sites: Sequence[NDArray[np.int64]],
    order: Sequence[int],
    matter: int,
    budget: int,
    observer: Observer,
) -> Thumbnails:
    """Pictures of wells until the budget is spent.

    Args:
        screen: its store is read.
        sites: rows of the screen of each of N wells.
        order: the wells, those that need a look first.
        matter: how many of them need one.
        budget: bytes that the pictures may take on the page.
        observer: is told of progress.
    """
    if budget <= 0 or not order:
        return Thumbnails()
    levels, faults = _levels(screen, sites, order)
    readable = [well for well in order if well not in faults]
    sample = readable[:: max(1, len(readable) // _SAMPLED)][:_SAMPLED]
    if not sample:
        return Thumbnails(faults=faults)
    plan = _plan(screen, sites, sample, levels, (len(readable), min(matter, len(readable))), budget, faults)
    brightness = np.full((len(sites), len(screen.channels)), np.nan)
    apart: dict[int, str] = {}
    together: dict[int, str] = {}
    spent = 0
    with observer.task("pictures of wells", plan.apart + plan.together) as advance:
        for place, well in enumerate(readable[: plan.apart + plan.together]):
            advance(1)
            try:
                channels = _channels(screen, sites[well], levels, plan.grade)
            except ImageError as error:
                faults[well] = str(error)
                continue
            brightness[well] = channels.mean(axis=(1, 2)) / 255
            alone = place < plan.apart
            uri = _uri(_beside(channels) if alone else coloured(channels), plan.grade)
            if spent + len(uri) > budget:
                break
            spent += len(uri)
            (apart if alone else together)[well] = uri
    return Thumbnails(apart, together, brightness, faults, plan.grade, spent)


def _plan(
    screen: Screen,
    sites: Sequence[NDArray[np.int64]],
    sample: Iterable[int],
    levels: Levels,
    counts: tuple[int, int],
    budget: int,
    faults: dict[int, str],
) -> Plan:
    """The best grade at which all wells get a picture, and those that matter their channels apart.

    Where even the least grade is too much for that, all wells get a composite, or as many as there is room for.
    """
    looked = []
    for well in sample:
        try:
            looked.append(_channels(screen, sites[well], levels, GRADES[0]))
        except ImageError as error:
            faults[well] = str(error)
    many, matter = counts
    apart = together = 1.0
    for grade in GRADES:
        shrunk = [_resized(channels, grade) for channels in looked]
        apart = _RESERVE * float(np.mean([len(_uri(_beside(one), grade)) for one in shrunk] or [1]))
        together = _RESERVE * float(np.mean([len(_uri(coloured(one), grade)) for one in shrunk] or [1]))
        if many * together + matter * (apart - together) <= budget:
            break
    room = int((budget - many * together) / max(apart - together, 1.0))
    alone = min(max(room, 0), many)
    return Plan(grade, alone, min(many - alone, int(max(budget - alone * apart, 0) / together)))


def _levels(
    screen: Screen, sites: Sequence[NDArray[np.int64]], wells: Sequence[int]
) -> tuple[Levels, dict[int, str]]:
    """Levels of all plates, and the wells of plates of which no image can be read."""
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
    return Levels(found), faults


def _can_read(screen: Screen, row: int) -> bool:
    try:
        screen.store.read(np.array([row]))
    except ImageError:
        return False
    return True


def _channels(screen: Screen, rows: NDArray[np.int64], levels: Levels, grade: Grade) -> NDArray[np.uint8]:
    """The channels of the first sites of a well, sites side by side, [C, h, w]."""
    shown = [channel_images(screen, int(row), size=grade.size, levels=levels) for row in rows[: grade.sites]]
    gap = np.zeros((*shown[0].shape[:2], _GAP), dtype=np.uint8)
    return np.concatenate([part for one in shown for part in (gap, one)][1:], axis=2)


def _resized(channels: NDArray[np.uint8], grade: Grade) -> NDArray[np.uint8]:
    """What the channels of the best grade look like at a lesser one, to know its bytes without reading again."""
    _, height, width = channels.shape
    width = width if grade.sites > 1 else min(width, height)
    scale = min(1.0, grade.size / height)
    to = max(1, round(width * scale)), max(1, round(height * scale))
    planes = [Image.fromarray(plane[:, :width]).resize(to, Image.Resampling.BOX) for plane in channels]
    return np.stack([np.asarray(plane) for plane in planes])


def _beside(channels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.concatenate(list(channels), axis=1)


def _uri(image: NDArray[np.uint8], grade: Grade) -> str:
    return _PREFIX + base64.b64encode(thumbnail(image, quality=grade.quality)).decode()
