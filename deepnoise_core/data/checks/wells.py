"""Wells that are none, and wells beyond the plate that the other plates show."""

from __future__ import annotations

from collections import Counter

import polars as pl

from deepnoise_core.contracts.errors import ScreenError
from deepnoise_core.data.checks.finding import Finding, Severity
from deepnoise_core.data.names import some_of
from deepnoise_core.data.plate_format import smallest_format, well_position

_FEWEST_PLATES = 3


def check_wells(sites: pl.DataFrame) -> list[Finding]:
    """Judge the well names of a table of sites.

    The format is that of more than half of the plates, each as small as its wells allow; with fewer than three
    plates there is nothing to compare.
    """
    named = sites.select("experiment", "plate", "well").unique(maintain_order=True)
    positions = {well: _position(well) for well in named["well"].unique().to_list()}
    plates: dict[tuple[str, str], list[str]] = {}
    findings = []
    for experiment, plate, well in named.iter_rows():
        if positions[well] is not None:
            plates.setdefault((experiment, plate), []).append(well)
            continue
        message = f"{well!r} is no well; wells are a row letter and a column number, as in B02"
        findings.append(Finding("wells", Severity.ERROR, message, experiment, plate, well))
    corners = {
        name: tuple(1 + max(axis) for axis in zip(*(positions[well] or () for well in own), strict=True))
        for name, own in plates.items()
    }
    formats = {name: smallest_format(*corner) for name, corner in corners.items()}
    usual, count = Counter(formats.values()).most_common(1)[0] if formats else ((0, 0), 0)
    if len(plates) < _FEWEST_PLATES or 2 * count <= len(plates):
        return findings
    for (experiment, plate), (rows, columns) in corners.items():
        if rows <= usual[0] and columns <= usual[1]:
            continue
        beyond = [
            well
            for well in plates[experiment, plate]
            if any(place >= limit for place, limit in zip(positions[well] or (), usual, strict=True))
        ]
        message = (
            f"{some_of(beyond)} lie beyond the {usual[0]} x {usual[1]} wells that {count} of {len(plates)} "
            "plates keep to"
        )
        well = beyond[0] if len(beyond) == 1 else None
        findings.append(Finding("wells", Severity.WARNING, message, experiment, plate, well))
    return findings


def _position(well: str) -> tuple[int, int] | None:
    try:
        return well_position(well)
    except ScreenError:
        return None
