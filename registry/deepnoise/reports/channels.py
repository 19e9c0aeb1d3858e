"""What the answers rest on: which channel, and where in the image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from deepnoise.pictures.heat import STEPS
from deepnoise.reports.section import Section, fragment


class Loss(NamedTuple):
    """What is lost without a channel: nats of the label's log-probability, and the share of changed labels."""

    name: str
    fall: float
    changed: float


class ClassLoss(NamedTuple):
    """A class, how many wells were looked at, and the fall without each channel, in the order of the channels."""

    name: str
    wells: int
    falls: tuple[float, ...]


class Occluded(NamedTuple):
    """Occlusion, channel by channel.

    Attributes:
        losses: over all wells, in the order of the channels.
        classes: the same by class, those to show.
        wells: how many were looked at.
        fill: what took the place of a channel.
    """

    losses: Sequence[Loss]
    classes: Sequence[ClassLoss]
    wells: int
    fill: str


class Shown(NamedTuple):
    """A well: its number, what is said of its label, its cells, and the evidence over them, as URIs."""

    well: int
    place: str
    said: str
    cells: str
    evidence: str


@dataclass(frozen=True)
class Evidence:
    """Where the evidence for the labels of some wells lies.

    Attributes:
        way: `Grad-CAM` or `occlusion`.
        notes: of which layer, or why not by Grad-CAM.
        groups: heading → wells, the surest first.
    """

    way: str
    notes: Sequence[str]
    groups: dict[str, list[Shown]]

    @property
    def bytes(self) -> int:
        """What the pictures take on the page."""
        return sum(len(one.cells) + len(one.evidence) for group in self.groups.values() for one in group)


def channels(occluded: Occluded, evidence: Evidence | None, notes: Sequence[str]) -> Section:
    """The section.

    Args:
        occluded: what is lost with each channel.
        evidence: where it lies in some wells; None where no pictures can be had.
        notes: what a reader must know.
    """
    most = max((loss.fall for loss in occluded.losses), default=0.0)
    shares = [round(100 * max(loss.fall, 0.0) / most, 2) if most > 0 else 0.0 for loss in occluded.losses]
    return Section(
        "channels",
        "Channels",
        fragment(
            "channels.html",
            losses=list(zip(occluded.losses, shares, strict=True)),
            classes=occluded.classes,
            wells=occluded.wells,
            fill=occluded.fill.replace("_", " "),
            evidence=evidence,
            steps=STEPS,
            notes=notes,
        ),
    )
