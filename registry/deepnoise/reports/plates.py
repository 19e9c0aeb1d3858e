"""Plate maps of any format: every well at its place, coloured in several ways, with its picture a click away."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepnoise.console import percent
from deepnoise.pictures.composite import channel_colours
from deepnoise.reports.palette import NOTHING, STEPS, Kind, top_of
from deepnoise.reports.section import Section, fragment, unbroken
from deepnoise.reports.thumbnails import Thumbnails
from deepnoise.reports.wells import Wells, confidence_codes, correctness, flips
from deepnoise_core.contracts.errors import ScreenError
from deepnoise_core.data.names import natural_key
from deepnoise_core.data.plate_format import row_name, smallest_format, well_position

MOST_PLATES = 120
"""Plates that are drawn; held-out ones come first."""

_CELL, _LEFT, _TOP = 10, 14, 11
_MARKS = {"cross": "M{x} {y}l4 4m0-4l-4 4", "dot": "M{x} {y}m2 2h0"}
_PARTS = {"test": "held out", "validation": "used to choose the epoch", "train": "trained on, with labels"}

Quality = Sequence[tuple[Kind, str]]


@dataclass(frozen=True)
class Channel:
    """A channel's name and, where known, its stain."""

    name: str
    stain: str = ""


def plate_maps(
    wells: Wells,
    thumbnails: Thumbnails,
    quality: Quality | None,
    channels: Sequence[Channel],
    why_no_pictures: str,
) -> Section:
    """All plates, by experiment.

    Args:
        wells: N of them.
        thumbnails: pictures of some.
        quality: kind of each well and what is odd about it; None where there was no screen to look at.
        channels: of the pictures.
        why_no_pictures: said in place of a picture where no well has one.
    """
    modes: dict[str, tuple[str, list[Kind]]] = {}
    if wells.known.any():
        modes["correctness"] = f"Correctness ({wells.last})", correctness(wells)
    if len(wells.labels) > 1:
        modes["flips"] = f"Changes (raw to {wells.last})", flips(wells)
    if quality is not None:
        modes["quality"] = "Image quality", [kind for kind, _ in quality]
    plates = _plates_of(wells)
    left_out = plates[MOST_PLATES:]
    codes = confidence_codes(wells)
    drawn = [_draw(wells, rows, codes, modes) for rows in plates[:MOST_PLATES]]
    experiments: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for one in drawn:
        experiments.setdefault((one["experiment"], one["part"]), []).append(one)
    body = fragment(
        "plates.html",
        experiments=[
            {
                "name": name,
                "part": _PARTS.get(part, part),
                "open": part == "test" or not any(other == "test" for _, other in experiments),
                "cell_type": own[0]["cell_type"],
                "plates": own,
            }
            for (name, part), own in experiments.items()
        ],
        modes={"confidence": "Confidence (raw)"} | {key: label for key, (label, _) in modes.items()},
        legends={key: _legend(kinds) for key, (_, kinds) in modes.items()},
        steps=range(STEPS),
        top=top_of(wells.sure),
        left_out=len(left_out),
        pictured=_pictured(wells, thumbnails, why_no_pictures),
    )
    shown = np.concatenate(plates[:MOST_PLATES]) if plates else np.empty(0, dtype=np.int64)
    data = _data(wells, shown, thumbnails, quality, channels, why_no_pictures)
    colours = {key: [kind.code for kind in kinds] for key, (_, kinds) in modes.items()}
    return Section("plates", "Plates", body, {**data, "modes": {"confidence": codes} | colours})


def _plates_of(wells: Wells) -> list[NDArray[np.int64]]:
    """Wells of each plate, in the order of plates; held-out ones first."""
    members: dict[tuple[str, str, str], list[int]] = {}
    columns = zip(wells.ids["part"], wells.ids["experiment"], wells.ids["plate"], strict=True)
    for well, (part, experiment, plate) in enumerate(columns):
        members.setdefault((str(part), str(experiment), str(plate)), []).append(well)
    order = {part: place for place, part in enumerate(_PARTS)}

    def key(plate: tuple[str, str, str]) -> tuple[Any, ...]:
        return order.get(plate[0], len(order)), *map(natural_key, plate)

    return [np.array(members[name], dtype=np.int64) for name in sorted(members, key=key)]


def _draw(
    wells: Wells, rows: NDArray[np.int64], codes: Sequence[str], modes: Mapping[str, tuple[str, list[Kind]]]
) -> dict[str, Any]:
    first = int(rows[0])
    experiment, plate, part, cell_type = (
        str(wells.ids[name][first]) for name in ("experiment", "plate", "part", "cell_type")
    )
    places, (height, width), strange = _places([str(wells.ids["well"][well]) for well in rows])
    at = {int(well): place for well, place in zip(rows, places, strict=True)}
    taken = set(places)
    return {
        "experiment": experiment,
        "plate": plate,
        "part": part,
        "cell_type": cell_type,
        "caption": _caption(wells, rows),
        "view": (_LEFT + width * _CELL + 1, _TOP + (height + bool(strange)) * _CELL + 1),
        "columns": [
            (_LEFT + column * _CELL + 4.5, column + 1)
            for column in range(width)
            if width <= 12 or column % (-(-width // 12)) == 0
        ],
        "rows": [(_TOP + row * _CELL + 6.8, row_name(row)) for row in range(height)],
        "empty": "".join(
            f"M{_LEFT + column * _CELL + 4.5} {_TOP + row * _CELL + 4.5}h0"
            for row in range(height)
            for column in range(width)
            if (row, column) not in taken
        ),
        "cells": [
            (well, codes[well], _LEFT + column * _CELL, _TOP + row * _CELL, row, column)
            for well, (row, column) in at.items()
        ],
        "marks": [
            (mode, shape, path)
            for mode, (_, kinds) in modes.items()
            for shape in _MARKS
            if (path := _mark_path(shape, [place for well, place in at.items() if kinds[well].mark == shape]))
        ],
        "strange": strange,
    }


def _places(names: Sequence[str]) -> tuple[list[tuple[int, int]], tuple[int, int], bool]:
    """Row and column of each well, and the plate's size; wells without a place by their name stand below it."""
    found: list[tuple[int, int] | None] = []
    for name in names:
        try:
            found.append(well_position(name))
        except ScreenError:
            found.append(None)
    known = [place for place in found if place is not None]
    least = (1, len(names)) if not known else (max(row for row, _ in known) + 1, max(col for _, col in known) + 1)
    size = smallest_format(*least)
    free = iter(range(len(names)))
    return [(size[0], next(free)) if place is None else place for place in found], size, None in found


def _mark_path(shape: str, places: Sequence[tuple[int, int]]) -> str:
    return "".join(
        _MARKS[shape].format(x=_LEFT + column * _CELL + 2.5, y=_TOP + row * _CELL + 2.5) for row, column in places
    )


def _caption(wells: Wells, rows: NDArray[np.int64]) -> str:
    parts = [f"{len(rows):,} {'well' if len(rows) == 1 else 'wells'}"]
    known = rows[wells.known[rows]]
    if len(known):
        right = float((wells.labels[wells.last][known] == wells.truth[known]).mean())
        parts.append(f"{percent(right)} right")
    sure = wells.sure[rows][np.isfinite(wells.sure[rows])]
    if len(sure):
        parts.append(f"median confidence {percent(float(np.median(sure)))}")
    return unbroken(", ".join(parts))


def _legend(kinds: Sequence[Kind]) -> list[Kind]:
    """The kinds that occur, unknown ones last."""
    return sorted(dict.fromkeys(kinds), key=lambda kind: kind == NOTHING)


def _pictured(wells: Wells, thumbnails: Thumbnails, why_not: str) -> str:
    apart, together = len(thumbnails.apart), len(thumbnails.together)
    if not thumbnails.grade or not apart + together:
        return why_not
    grade = thumbnails.grade
    without = len(wells) - apart - together
    said = f"Pictures show {'the first two sites' if grade.sites > 1 else 'the first site'} of a well at up to "
    said += f"{grade.size} pixels, stretched alike on each plate: {apart:,} wells with every channel apart"
    said += f", {together:,} as one composite to save space" if together else ""
    if len(thumbnails.faults):
        said += f"; {len(thumbnails.faults):,} have images that cannot be read"
    over = without - len(thumbnails.faults)
    said += (
        f"; {over:,} have none, since {thumbnails.bytes / 1e6:.1f} MB of pictures are the limit" if over else ""
    )
    return f"{said}. Wells that changed their label, are wrong or unsure come first."


def _data(
    wells: Wells,
    shown: NDArray[np.int64],
    thumbnails: Thumbnails,
    quality: Quality | None,
    channels: Sequence[Channel],
    why_no_pictures: str,
) -> dict[str, Any]:
    """What the script needs of each well; lists are by well."""
    columns = {
        name: wells.ids[name].astype(str).tolist() for name in ("well", "plate", "experiment", "role", "part")
    }
    texts = columns | dict(wells.facts)
    return {
        "classes": list(wells.classes),
        "labels": {stage: labels.tolist() for stage, labels in wells.labels.items()},
        "truth": wells.truth.tolist() if wells.known.any() else None,
        "sure": [None if np.isnan(value) else round(float(value), 3) for value in wells.sure],
        "texts": {name: _coded(values) for name, values in texts.items()},
        "odd": {} if quality is None else {int(well): quality[well][1] for well in shown if quality[well][1]},
        "apart": thumbnails.apart,
        "together": thumbnails.together,
        "faults": thumbnails.faults,
        "why": why_no_pictures,
        "channels": [
            {"name": one.name, "stain": one.stain, "colour": [round(255 * float(part)) for part in colour]}
            for one, colour in zip(channels, channel_colours(len(channels)), strict=True)
        ]
        if channels
        else [],
    }


def _coded(values: Sequence[str]) -> dict[str, Any]:
    """Texts that repeat, as a list of different ones and the place of each."""
    different = {text: place for place, text in enumerate(dict.fromkeys(values))}
    return {"texts": list(different), "of": [different[text] for text in values]}
