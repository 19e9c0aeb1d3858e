"""Which sections a report has, and what each is given: all that is known of the material, computed once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from deepnoise.corrections import Step, built_steps, filled_steps
from deepnoise.disentanglement import START, Progress, measure_steps, usual_steps
from deepnoise.model import load_model
from deepnoise.pictures.embedding_map import Method, batch_kinds, embedding_map, perturbation_kinds
from deepnoise.reports import telling
from deepnoise.reports.attribution import bundle_of, evidence, occluded
from deepnoise.reports.channels import channels
from deepnoise.reports.confusion import confused_pairs, confusion, wells_shown
from deepnoise.reports.curves import curves
from deepnoise.reports.embedding import embedding
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
from deepnoise.reports.well_images import Grade, WellImages, well_images
from deepnoise.reports.wells import Wells, flips, in_need_of_a_look, wells_of
from deepnoise_core.contracts import Predictions, Screen
from deepnoise_core.contracts.errors import InputError, PredictionsError
from deepnoise_core.data.plates import plates_of
from deepnoise_core.data.treatments import may_be_treated
from deepnoise_core.engine.observation import Observer
from deepnoise_registry.catalogue import Catalogue

_UNSURE = 0.1
_SMALL = Grade(128, 60, 1)


@dataclass(frozen=True)
class Choices:
    """What a user decides about a report.

    Attributes:
        megabytes: what the pictures of wells may take; none are made with 0.
        layout: how embeddings are laid out: `auto`, `umap` or `pca`.
        saliency: wells that are predicted again without each channel; none with 0.
        steps: corrections of the embeddings, after each of which signal and noise are measured again; the usual
            ones where None.
    """

    megabytes: float = 8.0
    layout: Method = "auto"
    saliency: int = 32
    steps: Sequence[Step] | None = None

    @property
    def bytes(self) -> int:
        """What the pictures may take."""
        return int(1e6 * self.megabytes)


def sections_of(material: Material, catalogue: Catalogue, choices: Choices, observer: Observer) -> list[Section]:
    """All sections for which there is material, in their order.

    Args:
        material: of `gather`.
        catalogue: where components are found.
        choices: the user's.
        observer: is told of progress.
    """
    notes = list(material.notes)
    training, evaluation = material.training, material.evaluation
    transductive = training.card["transductive"] if training is not None else ()
    made: list[Section] = []
    sentences: dict[str, str] = {}
    if material.predictions is not None:
        wells = wells_of(material.predictions, material.truth)
        measured = _measured(material, catalogue, choices.steps, notes, observer)
        transductive = material.predictions.transductive
        notes += evaluation.notes if evaluation else material.predictions.notes
        sentences = {
            "How sure?": how_sure(wells, evaluation),
            "Biology or plate?": biology_or_plate(evaluation, measured.steps[START] if measured else None),
            "What to look at?": what_to_look_at(wells, evaluation),
        }
        made += _of_wells(material, material.predictions, wells, measured, catalogue, choices, notes, observer)
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


def _of_wells(
    material: Material,
    predictions: Predictions,
    wells: Wells,
    measured: Progress | None,
    catalogue: Catalogue,
    choices: Choices,
    notes: list[str],
    observer: Observer,
) -> Iterator[Section]:
    screen, evaluation, budget = material.screen, material.evaluation, choices.bytes
    order = in_need_of_a_look(wells).tolist()
    sites = [] if screen is None else _sites(screen, wells)
    images = None if screen is None or budget <= 0 else well_images(screen, sites, order)
    pairs = confused_pairs(predictions, wells)
    pictures = images.composites(wells_shown(pairs), _SMALL, budget // 8) if images else {}
    of_channels, spent = _channels(material, wells, images, catalogue, choices, notes, observer)
    spent += sum(map(len, pictures.values()))
    yield _plates(screen, wells, sites, images, budget - spent, observer)
    yield from _map(material, choices.layout, notes, observer)
    if measured:
        found = measured.as_dict()
        yield separation(found["steps"], found["anchors"], measured.all_notes)
    if evaluation is not None and evaluation.calibration is not None:
        yield reliability(evaluation.calibration, evaluation.uncalibrated)
    yield confusion(pairs, wells, pictures)
    yield from of_channels


def _plates(
    screen: Screen | None,
    wells: Wells,
    sites: Sequence[NDArray[np.int64]],
    images: WellImages | None,
    budget: int,
    observer: Observer,
) -> Section:
    if screen is None:
        return plate_maps(wells, Thumbnails(), None, (), "The screen is not at hand, so there are no pictures.")
    marked = sum(kind.mark != "" for kind in flips(wells))
    matter = marked + int(_UNSURE * len(wells))
    order = in_need_of_a_look(wells).tolist()
    thumbnails = make_thumbnails(images, order, matter, budget, observer) if images else Thumbnails()
    channels = [Channel(name.replace("_", " "), screen.stains.get(name, "")) for name in screen.channels]
    why = "" if thumbnails.grade else "No image could be read." if images else "No pictures were asked for."
    return plate_maps(wells, thumbnails, _quality(wells, sites, thumbnails, screen), channels, why)


def _sites(screen: Screen, wells: Wells) -> list[NDArray[np.int64]]:
    """Rows of the screen of each well."""
    rows: dict[str, list[int]] = {}
    for row, well in enumerate(screen.column("well_id").tolist()):
        rows.setdefault(str(well), []).append(row)
    return [np.array(rows[str(well)], dtype=np.int64) for well in wells.ids["well_id"]]


def _quality(wells: Wells, sites: Sequence[NDArray[np.int64]], thumbnails: Thumbnails, screen: Screen) -> Quality:
    experiments = plates_of(wells.ids["experiment"], wells.ids["plate"]).values()
    plates = [own for of_experiment in experiments for own in of_experiment.values()]
    counts = [len(rows) for rows in sites]
    return quality(counts, plates, thumbnails.brightness, screen.channels, thumbnails.faults)


def _measured(
    material: Material, catalogue: Catalogue, steps: Sequence[Step] | None, notes: list[str], observer: Observer
) -> Progress | None:
    """Signal and noise of the embeddings, where the perturbations are known; a note says why not."""
    predictions: Predictions | None = material.predictions
    if predictions is None or predictions.embeddings is None or material.screen is None or material.truth is None:
        return None
    observer.note("measuring signal and noise of the embeddings")
    asked: Sequence[Step] = usual_steps(predictions) if steps is None else steps
    built = built_steps(filled_steps(asked, catalogue), catalogue)
    try:
        return measure_steps(predictions, material.screen, built, leave_out=True)
    except PredictionsError as error:
        notes.append(f"Signal and noise are not measured: {error}.")
        return None


def _map(material: Material, layout: Method, notes: list[str], observer: Observer) -> list[Section]:
    """All wells, coloured by the true perturbation where it is known, else by the predicted one."""
    predictions = material.predictions
    if predictions is None or predictions.embeddings is None:
        return []
    observer.note("laying out the embeddings")
    try:
        found = embedding_map(predictions.embeddings, method=layout)
    except InputError as error:
        notes.append(f"There is no embedding map: {error}.")
        return []
    if material.truth is not None:
        title, names = "perturbation", [str(name) if name else None for name in material.truth]
    else:
        title = "predicted class"
        labels = next(iter(predictions.stages.values()))
        names = [predictions.classes[label] if label >= 0 else None for label in labels]
    experiments = [str(name) for name in predictions.ids["experiment"]]
    plates = [f"{name}/{plate}" for name, plate in zip(experiments, predictions.ids["plate"], strict=True)]
    kinds = {
        title: perturbation_kinds(names, ~may_be_treated(predictions.ids["role"])),
        "plate": batch_kinds(plates),
        "experiment": batch_kinds(experiments),
    }
    return [embedding(found, kinds)]


def _channels(
    material: Material,
    wells: Wells,
    images: WellImages | None,
    catalogue: Catalogue,
    choices: Choices,
    notes: list[str],
    observer: Observer,
) -> tuple[list[Section], int]:
    """What labels lose without each channel, where the evidence lies in some wells, and bytes of pictures."""
    if not choices.saliency:
        return [], 0
    bundle, why = bundle_of(material)
    if bundle is None or material.screen is None:
        notes.append(f"What channels are worth is not shown, since {why}.")
        return [], 0
    try:
        model = load_model(bundle, catalogue)
        lost, own = occluded(model, material.screen, wells, choices.saliency, observer)
    except InputError as error:
        notes.append(f"What channels are worth is not shown: {error}.")
        return [], 0
    found = None
    try:
        if images:
            found = evidence(model, images, wells, choices.saliency, choices.bytes // 8, observer)
    except InputError as error:
        own = (*own, f"Where in the image the evidence lies is not shown: {error}.")
    own = (*own, *(found.notes if found else ()))
    return [channels(lost, found, own)], found.bytes if found else 0
