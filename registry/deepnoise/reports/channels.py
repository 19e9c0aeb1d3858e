"""Which channel the answers rest on: what the model's confidence loses when a channel is taken away."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

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


def channels(
    losses: Sequence[Loss], classes: Sequence[ClassLoss], wells: int, fill: str, notes: Sequence[str]
) -> Section:
    """Occlusion, channel by channel.

    Args:
        losses: over all wells, in the order of the channels.
        classes: the same by class, those to show.
        wells: how many were looked at.
        fill: what took the place of a channel.
        notes: what a reader must know.
    """
    most = max((loss.fall for loss in losses), default=0.0)
    return Section(
        "channels",
        "Channels",
        fragment(
            "channels.html",
            losses=[(loss, round(100 * max(loss.fall, 0.0) / most, 2) if most > 0 else 0.0) for loss in losses],
            classes=classes,
            wells=wells,
            fill=fill.replace("_", " "),
            notes=notes,
        ),
    )
