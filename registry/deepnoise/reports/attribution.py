"""What labels rest on: the model is asked again, without each channel, and where the evidence of wells lies."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from deepnoise.console import percent
from deepnoise.model import Model
from deepnoise.pictures.composite import coloured
from deepnoise.pictures.heat import overlaid
from deepnoise.reports.channels import ClassLoss, Evidence, Loss, Occluded, Shown
from deepnoise.reports.gathering import Material
from deepnoise.reports.section import unbroken
from deepnoise.reports.well_images import Grade, WellImages, data_uri
from deepnoise.reports.wells import Wells
from deepnoise.saliency import ChannelSaliency, channel_saliency, heat_maps
from deepnoise.whereabouts import bundle_again
from deepnoise_core.contracts import Screen, Stage
from deepnoise_core.engine.observation import Observer

_MOST_CLASSES = 40
_GRADE = Grade(160, 65, 1)
_OF_EACH = 3


def bundle_of(material: Material) -> tuple[Path | None, str]:
    """The model that can be asked again, or why there is none."""
    provenance = material.provenance or {}
    if "members" in provenance:
        return None, "these are predictions of several models together"
    bundle, why = bundle_again(provenance)
    if bundle is not None and material.screen is None:
        return None, "the screen is not at hand"
    return bundle, why


def occluded(
    model: Model, screen: Screen, wells: Wells, most: int, observer: Observer
) -> tuple[Occluded, tuple[str, ...]]:
    """What raw labels of so many wells lose with each channel, held-out ones where there are any, and notes.

    Raises:
        InputError: the model cannot be asked.
    """
    unseen = wells.ids["well_id"][(wells.ids["part"] == "test") & np.isfinite(wells.sure)]
    observer.note(f"predicting {min(most, len(unseen) or most)} wells without each channel")
    own = unseen.tolist() if len(unseen) else None
    found = channel_saliency(model, screen, own, most=most)
    losses = [Loss(name.replace("_", " "), fall, changed) for name, fall, changed in found.overall.rows()]
    classes = sorted(_by_class(found), key=lambda one: -one.wells)
    looked_at = sum(one.wells for one in classes)
    return Occluded(losses, classes[:_MOST_CLASSES], looked_at, found.fill), found.notes


def evidence(
    model: Model,
    images: WellImages,
    wells: Wells,
    most: int,
    budget: int,
    observer: Observer,
) -> Evidence | None:
    """Where the evidence lies for the surest right and wrong labels of held-out wells.

    Args:
        model: that predicted the wells.
        images: of the wells.
        wells: those that it predicted.
        most: wells.
        budget: bytes that their pictures may take.
        observer: is told of progress.

    Raises:
        InputError: the model cannot be asked.
    """
    groups = {heading: list(_readable(images, rows)) for heading, rows in _surest(wells).items()}
    looked = [(heading, well) for heading, own in groups.items() for well in own][:most]
    if not looked:
        return None
    observer.note(f"looking where the evidence lies in {len(looked)} wells")
    rows = np.array([images.sites[well][0] for _, well in looked], dtype=np.int64)
    raw = wells.labels[Stage.RAW.value]
    heat = heat_maps(model, images.screen, rows, [wells.classes[raw[well]] for _, well in looked])
    shown: dict[str, list[Shown]] = {}
    for (heading, well), own in zip(looked, heat.maps, strict=True):
        channels = images.channels(well, _GRADE)
        if channels is not None:
            pictures = [data_uri(one, _GRADE.quality) for one in (coloured(channels), overlaid(channels, own))]
            budget -= sum(map(len, pictures))
            if budget < 0:
                break
            shown.setdefault(heading, []).append(
                Shown(well, wells.place(well), _said(wells, well, own), *pictures)
            )
    return Evidence(heat.way, heat.notes, shown) if shown else None


def _by_class(found: ChannelSaliency) -> Iterator[ClassLoss]:
    width = len(found.channels)
    rows = found.by_class.select("class", "wells", "fall").rows()
    for start in range(0, len(rows), width):
        own = rows[start : start + width]
        yield ClassLoss(own[0][0], own[0][1], tuple(fall for _, _, fall in own))


def _surest(wells: Wells) -> dict[str, NDArray[np.int64]]:
    """Held-out wells with a label, the surest first, under what is known of the label."""
    right = wells.labels[Stage.RAW.value] == wells.truth
    kinds = {
        "The surest of those named rightly": wells.judged & right,
        "The surest of those named wrongly": wells.judged & ~right,
    }
    if not wells.judged.any():
        kinds = {"The surest of those whose truth is unknown": np.isfinite(wells.sure) & ~wells.known}
    order = np.argsort(-np.nan_to_num(wells.sure), kind="stable")
    return {heading: order[of_kind[order]] for heading, of_kind in kinds.items()}


def _readable(images: WellImages, wells: NDArray[np.int64]) -> Iterator[int]:
    left = _OF_EACH
    for well in wells.tolist():
        if left and images.channels(well, _GRADE) is not None:
            left -= 1
            yield well


def _said(wells: Wells, well: int, heat: NDArray[np.float32]) -> str:
    label = wells.classes[wells.labels[Stage.RAW.value][well]]
    truth = wells.truth[well]
    but = f", is {wells.classes[truth]}" if wells.known[well] and wells.classes[truth] != label else ""
    but += "" if heat.any() else ", though no place speaks for it"
    return unbroken(f"named {label}{but}; confidence {percent(float(wells.sure[well]))}")
