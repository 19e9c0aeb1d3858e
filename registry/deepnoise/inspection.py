"""What a screen holds, at a look: counts, channels and sizes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import polars as pl

from deepnoise_core.contracts import Role, Screen
from deepnoise_core.contracts.errors import ImageError
from deepnoise_core.data.names import natural_key

_NOTHING: tuple[Any, ...] = (None, "", [], {})


@dataclass(frozen=True)
class Inspection:
    """A screen in numbers.

    Attributes:
        source: where it came from.
        reader: who opened it.
        options: the reader's options.
        sites: usable sites.
        dropped: sites that the reader left out.
        sites_per_well: fewest and most usable sites of a well.
        wells: wells with a usable site.
        plates: plates of all experiments.
        experiments: their number.
        perturbations: different treatments that the table names.
        channels: names, in the order of the store.
        stains: channel → its dye or antibody, where known.
        image: height, width and dtype of a site; None where there are no images.
        bits: of a pixel; None where there are no images.
        by: column → value → wells, for cell type, role, dataset and experiment.
    """

    source: str
    reader: str
    options: dict[str, Any]
    sites: int
    dropped: int
    sites_per_well: tuple[int, int]
    wells: int
    plates: int
    experiments: int
    perturbations: int
    channels: tuple[str, ...]
    stains: dict[str, str]
    image: tuple[int, int, str] | None
    bits: int | None
    by: dict[str, dict[str, int]]

    def as_dict(self) -> dict[str, Any]:
        """All fields in JSON types."""
        return asdict(self)


def inspect_screen(screen: Screen, options: Mapping[str, Any] | None = None) -> Inspection:
    """Count what a screen holds; of the images only one header is read.

    Args:
        screen: N sites.
        options: what its reader was told.
    """
    wells = screen.sites.unique("well_id")
    treated = wells.filter(pl.col("role") == Role.TREATMENT.value)["perturbation"]
    views = screen.sites["well_id"].value_counts()["count"].to_list()
    image = _image(screen)
    return Inspection(
        source=screen.source,
        reader=screen.reader,
        options=dict(options or {}),
        sites=len(screen),
        dropped=len(screen.dropped),
        sites_per_well=(min(views), max(views)),
        wells=wells.height,
        plates=wells.select("experiment", "plate").n_unique(),
        experiments=wells["experiment"].n_unique(),
        perturbations=treated.drop_nulls().n_unique(),
        channels=screen.channels,
        stains={name: screen.stains[name] for name in screen.channels if name in screen.stains},
        image=None if image is None else (*image[:2], str(image[2])),
        bits=None if image is None else 8 * image[2].itemsize,
        by={column: _counts(wells[column]) for column in ("cell_type", "role", "dataset", "experiment")},
    )


def fact_rows(found: Inspection) -> list[list[str]]:
    """The figures that stand alone, as rows of a table for people."""
    fewest, most = found.sites_per_well
    views = f"{most} a well" if fewest == most else f"{fewest} to {most} a well"
    options = ", ".join(f"{name}={value}" for name, value in found.options.items() if value not in _NOTHING)
    channels = [f"{name} ({found.stains[name]})" if name in found.stains else name for name in found.channels]
    size = "no images here"
    if found.image is not None:
        height, width, dtype = found.image
        size = f"{height} x {width} pixels of {found.bits} bits ({dtype})"
    return [
        ["opened by", f"{found.reader} with {options}" if options else found.reader],
        ["sites", f"{found.sites:,} usable, {views}; {found.dropped:,} left out"],
        ["wells", f"{found.wells:,}"],
        ["plates", f"{found.plates:,}"],
        ["experiments", f"{found.experiments:,}"],
        ["treatments", f"{found.perturbations:,}"],
        ["channels", "\n".join(f"{number} {name}" for number, name in enumerate(channels, start=1))],
        ["images", size],
    ]


def _image(screen: Screen) -> tuple[int, int, Any] | None:
    try:
        _, height, width = screen.store.shape
    except ImageError:
        return None
    return height, width, screen.store.dtype


def _counts(column: pl.Series) -> dict[str, int]:
    counted = column.cast(pl.String).fill_null("unknown").value_counts().rows()
    return {str(name): int(count) for name, count in sorted(counted, key=lambda row: natural_key(row[0]))}
