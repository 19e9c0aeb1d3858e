"""The page: everything that can be told of a run or of predictions, in one file."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import numpy as np
from jinja2.utils import htmlsafe_json_dumps
from numpy.typing import NDArray

from deepnoise.report import telling
from deepnoise.report.curves import curves
from deepnoise.report.gathering import Material, gather, held_out
from deepnoise.report.methods import methods
from deepnoise.report.palette import VIRIDIS
from deepnoise.report.plates import Channel, Quality, plate_maps
from deepnoise.report.quality import quality
from deepnoise.report.reliability import reliability
from deepnoise.report.section import Section, fragment, hint
from deepnoise.report.sentences import biology_or_plate, how_sure, what_to_look_at
from deepnoise.report.separation import separation
from deepnoise.report.summary import Overview, summary
from deepnoise.report.thumbnails import Thumbnails, make_thumbnails
from deepnoise.report.wells import Wells, flips, in_need_of_a_look, wells_of
from deepnoise_core.contracts import Screen
from deepnoise_core.contracts.errors import OutputError, PredictionsError
from deepnoise_core.data.files import refuse_taken, replace_file
from deepnoise_core.data.treatments import may_be_treated
from deepnoise_core.engine.observation import Observer, Silent
from deepnoise_core.evaluation.disentanglement import Disentanglement, Factors, anchors, measure
from deepnoise_registry.catalogue import Catalogue

MEGABYTES = 8.0
"""What pictures of wells may take where a user does not say otherwise."""

_UNSURE = 0.1
_KINDS = ("#4a90c2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#7a7f85", "#56b4e9", "#8c6d31")


def write_report(
    source: Path,
    out: Path,
    catalogue: Catalogue,
    *,
    screen: Screen | None = None,
    megabytes: float = MEGABYTES,
    observer: Observer | None = None,
) -> Path:
    """Write a report as one HTML file that asks no server for anything.

    Args:
        source: a run's folder or a folder of predictions.
        out: the file; must not exist yet.
        catalogue: where readers and components are found.
        screen: what was predicted, where it is no longer where it was.
        megabytes: what the pictures of wells may take; none are made with 0.
        observer: is told of progress.

    Raises:
        InputError: the source is neither, its predictions are of another screen, or the file is taken.
    """
    refuse_taken(out, "a report")
    if not out.parent.is_dir():
        raise OutputError(f"{out.parent}: there is no such folder to write the report to")
    material = gather(source, catalogue, screen)
    sections = sections_of(material, catalogue, int(megabytes * 1e6), observer or Silent())
    replace_file(out, page(telling.title_of(material), _lead(material), sections))
    return out


def page(title: str, lead: str, sections: Sequence[Section]) -> str:
    """The HTML of sections as one page; its own style and script are all that it may use."""
    style = fragment("style.css", viridis=VIRIDIS, kinds=_KINDS)
    script = fragment("script.js")
    return str(
        fragment(
            "page.html",
            title=title,
            lead=lead,
            sections=sections,
            style=style,
            style_hash=_hash(style),
            script=script,
            script_hash=_hash(script),
            version=version("deepnoise"),
            json=lambda data: htmlsafe_json_dumps(data, separators=(",", ":"), ensure_ascii=False),
        )
    )


def sections_of(material: Material, catalogue: Catalogue, budget: int, observer: Observer) -> list[Section]:
    """All sections for which there is material."""
    made: list[Section] = []
    training = material.training
    if training is not None and training.records:
        made.append(curves(training.records, training.card.get("best_epoch")))
    sentences: dict[str, str] = {}
    notes = list(material.notes)
    transductive = training.card["transductive"] if training is not None else ()
    if material.predictions is not None:
        wells, measured = wells_of(material.predictions, material.truth), _measure(material, notes, observer)
        transductive = material.predictions.transductive
        notes += material.evaluation.notes if material.evaluation else material.predictions.notes
        sentences = {
            "How sure?": how_sure(wells, material.evaluation),
            "Biology or plate?": biology_or_plate(material.evaluation, measured[0] if measured else None),
            "What to look at?": what_to_look_at(wells, material.evaluation),
        }
        made.insert(0, _plates(material, wells, budget, observer))
        if material.evaluation is not None and material.evaluation.calibration is not None:
            made.insert(1, reliability(material.evaluation.calibration, material.evaluation.uncalibrated))
        if measured:
            own, beside = measured
            plain = {name: one.as_dict() for name, one in beside.items()}
            made.insert(1, separation({"embedding": own.as_dict()}, plain))
    overview = Overview(telling.facts(material), transductive, sentences, notes)
    made.insert(0, summary(overview, material.evaluation))
    parts = telling.parts(material, catalogue)
    made.append(methods(telling.prose(material), parts, material.recipe_text, telling.provenance(material)))
    return made


def _plates(material: Material, wells: Wells, budget: int, observer: Observer) -> Section:
    screen = material.screen
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


def _measure(
    material: Material, notes: list[str], observer: Observer
) -> tuple[Disentanglement, dict[str, Disentanglement]] | None:
    """Signal and noise of the held-out treated wells whose label is known, and of anchors on the same wells."""
    predictions, truth = material.predictions, material.truth
    if predictions is None or predictions.embeddings is None or truth is None:
        return None
    known = np.array([name not in (None, "") for name in truth], dtype=bool)
    rows = np.flatnonzero(known & held_out(predictions) & may_be_treated(predictions.ids["role"]))
    ids = {name: predictions.ids[name][rows] for name in ("experiment", "plate", "well", "cell_type")}
    factors = Factors(truth[rows], ids["experiment"], ids["plate"], ids["well"], ids["cell_type"])
    observer.note(f"measuring signal and noise of {len(rows):,} held-out wells")
    try:
        own = measure(predictions.embeddings[rows], factors)
        return own, anchors(factors, dim=predictions.embeddings.shape[1])
    except PredictionsError as error:
        notes.append(f"Signal and noise are not measured: {error}.")
        return None


def _lead(material: Material) -> str:
    found = telling.facts(material)
    return "; ".join(found[name] for name in ("Predicted", "Of these") if name in found) or "A training run."


def _hash(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
