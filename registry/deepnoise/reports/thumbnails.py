"""Pictures of wells that fit a budget: all channels apart where there is room, a composite where there is little.

The wells that need a look come first, so that a small budget is spent on them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from deepnoise.pictures.composite import coloured
from deepnoise.reports.well_images import Grade, WellImages, data_uri
from deepnoise_core.engine.observation import Observer

_SAMPLED = 16
_RESERVE = 1.15

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
    images: WellImages, order: Sequence[int], matter: int, budget: int, observer: Observer
) -> Thumbnails:
    """Pictures of wells until the budget is spent.

    Args:
        images: of N wells.
        order: the wells, those that need a look first.
        matter: how many of them need one.
        budget: bytes that the pictures may take on the page.
        observer: is told of progress.
    """
    readable = [well for well in order if well not in images.faults]
    sample = readable[:: max(1, len(readable) // _SAMPLED)][:_SAMPLED]
    if budget <= 0 or not sample:
        return Thumbnails(faults=images.faults)
    plan = _plan(images, sample, (len(readable), min(matter, len(readable))), budget)
    brightness = np.full((len(images.sites), len(images.screen.channels)), np.nan)
    apart: dict[int, str] = {}
    together: dict[int, str] = {}
    spent = 0
    with observer.task("pictures of wells", plan.apart + plan.together) as advance:
        for place, well in enumerate(readable[: plan.apart + plan.together]):
            advance(1)
            channels = images.channels(well, plan.grade)
            if channels is None:
                continue
            brightness[well] = channels.mean(axis=(1, 2)) / 255
            alone = place < plan.apart
            uri = data_uri(_beside(channels) if alone else coloured(channels), plan.grade.quality)
            if spent + len(uri) > budget:
                break
            spent += len(uri)
            (apart if alone else together)[well] = uri
    return Thumbnails(apart, together, brightness, images.faults, plan.grade, spent)


def _plan(images: WellImages, sample: Iterable[int], counts: tuple[int, int], budget: int) -> Plan:
    """The best grade at which all wells get a picture, and those that matter their channels apart.

    Where even the least grade is too much for that, all wells get a composite, or as many as there is room for.
    """
    looked = [one for well in sample if (one := images.channels(well, GRADES[0])) is not None]
    many, matter = counts
    apart = together = 1.0
    for grade in GRADES:
        shrunk = [_resized(channels, grade) for channels in looked]
        apart = _RESERVE * float(np.mean([_size(_beside(one), grade) for one in shrunk] or [1]))
        together = _RESERVE * float(np.mean([_size(coloured(one), grade) for one in shrunk] or [1]))
        if many * together + matter * (apart - together) <= budget:
            break
    room = int((budget - many * together) / max(apart - together, 1.0))
    alone = min(max(room, 0), many)
    return Plan(grade, alone, min(many - alone, int(max(budget - alone * apart, 0) / together)))


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


def _size(image: NDArray[np.uint8], grade: Grade) -> int:
    return len(data_uri(image, grade.quality))
