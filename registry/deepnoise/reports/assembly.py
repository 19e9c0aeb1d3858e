"""Which sections a report has, and what each is given: all that is known of the material, computed once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from deepnoise.disentanglement import START, Progress, measure_steps
from deepnoise.reports import telling
from deepnoise.reports.curves import curves
from deepnoise.reports.gathering import Material
from deepnoise.reports.methods import methods
from deepnoise.reports.plates import Channel, Quality, plate_maps
from deepnoise.reports.quality import quality
from deepnoise.reports.reliability import reliability
from deepnoise.reports.section import Section, unbroken
from deepnoise.reports.sentences import biology_or_plate, how_sure, what_to_look_at
from deepnoise.reports.separation import separation
from deepnoise.reports.summary import Overview, summary
from deepnoise.reports.thumbnails import Thumbnails, make_thumbnails
from deepnoise.reports.wells import Wells, flips, in_need_of_a_look, wells_of
from deepnoise_core.contracts import Predictions, Screen
from deepnoise_core.contracts.errors import PredictionsError
from deepnoise_core.engine.observation import Observer
from deepnoise_registry.catalogue import Catalogue

_UNSURE = 0.1


def sections_of(material: Material, catalogue: Catalogue, budget: int, observer: Observer) -> list[Section]:
    """All sections for which there is material, in their order.

    Args:
        material: of `gather`.
        catalogue: where components are found.
        budget: bytes that pictures of wells may take.
        observer: is told of progress.
    """
    notes = list(material.notes)
    training, evaluation = material.training, material.evaluation
    transductive = training.card["transductive"] if training is not None else ()
    made: list[Section] = []
    sentences: dict[str, str] = {}
    if material.predictions is not None:
        wells = wells_of(material.predictions, material.truth)
        measured = _measured(material, notes, observer)
        transductive = material.predictions.transductive
        notes += evaluation.notes if evaluation else material.predictions.notes
        sentences = {
            "How sure?": how_sure(wells, evaluation),
            "Biology or plate?": biology_or_plate(evaluation, measured.steps[START] if measured else None),
            "What to look at?": what_to_look_at(wells, evaluation),
        }
        made.append(_plates(material.screen, wells, budget, observer))
        if measured:
            found = measured.as_dict()
            made.append(separation(found["steps"], found["anchors"], found["notes"]))
        if evaluation is not None and evaluation.calibration is not None:
            made.append(reliability(evaluation.calibration, evaluation.uncalibrated))
    if training is not None and training.records:
        made.append(curves(training.records, training.card.get("best_epoch")))
    overview = Overview(
        telling.facts(material),
        transductive,
        {heading: unbroken(text) for heading, text in sentences.items()},
        list(dict.fromkeys(map(unbroken, notes))),
    )
    parts = telling.parts(material, catalogue)
    last = methods(telling.prose(material), parts, material.recipe_text, telling.provenance(material))
    return [summary(overview, evaluation), *made, last]


def _plates(screen: Screen | None, wells: Wells, budget: int, observer: Observer) -> Section:
    if screen is None:
        return plate_maps(wells, Thumbnails(), None, (), "The screen is not at hand, so there are no pictures.")
    sites = _sites(screen, wells)
    marked = sum(kind.mark != "" for kind in flips(wells))
    matter = marked + int(_UNSURE * len(wells))
    order = in_need_of_a_look(wells).tolist()
    thumbnails = make_thumbnails(screen, sites, order, matter, budget, observer)
    channels = [Channel(name.replace("_", " "), screen.stains.get(name, "")) for name in screen.channels]
    why = "" if thumbnails.grade else "No pictures were asked for." if budget <= 0 else "No image could be read."
    return plate_maps(wells, thumbnails, _quality(wells, sites, thumbnails, screen), channels, why)


def _sites(screen: Screen, wells: Wells) -> list[NDArray[np.int64]]:
    """Rows of the screen of each well."""
    rows: dict[str, list[int]] = {}
    for row, well in enumerate(screen.column("well_id").tolist()):
        rows.setdefault(str(well), []).append(row)
    return [np.array(rows[str(well)], dtype=np.int64) for well in wells.ids["well_id"]]


def _quality(wells: Wells, sites: Sequence[NDArray[np.int64]], thumbnails: Thumbnails, screen: Screen) -> Quality:
    members: dict[tuple[str, str], list[int]] = {}
    for well, place in enumerate(zip(wells.ids["experiment"], wells.ids["plate"], strict=True)):
        members.setdefault(place, []).append(well)
    plates = [np.array(own, dtype=np.int64) for own in members.values()]
    counts = [len(rows) for rows in sites]
    return quality(counts, plates, thumbnails.brightness, screen.channels, thumbnails.faults)


def _measured(material: Material, notes: list[str], observer: Observer) -> Progress | None:
    """Signal and noise of the embeddings, where the perturbations are known; a note says why not."""
    predictions: Predictions | None = material.predictions
    if predictions is None or predictions.embeddings is None or material.screen is None or material.truth is None:
        return None
    observer.note("measuring signal and noise of the embeddings")
    try:
        return measure_steps(predictions, material.screen, {})
    except PredictionsError as error:
        notes.append(f"Signal and noise are not measured: {error}.")
        return None
