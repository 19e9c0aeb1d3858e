"""What a screen holds, at a look: counts, channels, sizes, and the layout of a plate."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import polars as pl

from deepnoise_core.contracts import Role, Screen
from deepnoise_core.contracts.errors import ImageError
from deepnoise_core.data.names import natural_key
from deepnoise_core.data.plate_format import row_name, smallest_format, well_position

_MARKS = {
    Role.TREATMENT.value: "o",
    Role.POSITIVE_CONTROL.value: "+",
    Role.NEGATIVE_CONTROL.value: "-",
    Role.UNTREATED.value: "u",
    Role.UNKNOWN.value: "?",
}
_EMPTY = "."


@dataclass(frozen=True)
class Inspection:
    """A screen in numbers.

    Attributes:
        source: where it came from.
        reader: who opened it.
        sites: usable sites.
        dropped: sites that the reader left out.
        wells: wells with a usable site.
        plates: plates of all experiments.
        experiments: their number.
        perturbations: different treatments that the table names.
        channels: names, in the order of the store.
        image: height, width and dtype of a site; None where there are no images.
        by: column → value → wells, for experiment, cell type, role and dataset.
    """

    source: str
    reader: str
    sites: int
    dropped: int
    wells: int
    plates: int
    experiments: int
    perturbations: int
    channels: tuple[str, ...]
    image: tuple[int, int, str] | None
    by: dict[str, dict[str, int]]

    def as_dict(self) -> dict[str, Any]:
        """All fields in JSON types."""
        return asdict(self)


def inspect_screen(screen: Screen) -> Inspection:
    """Count what a screen holds; of the images only one header is read."""
    wells = screen.sites.unique("well_id")
    treated = wells.filter(pl.col("role") == Role.TREATMENT.value)["perturbation"]
    return Inspection(
        source=screen.source,
        reader=screen.reader,
        sites=len(screen),
        dropped=len(screen.dropped),
        wells=wells.height,
        plates=wells.select("experiment", "plate").n_unique(),
        experiments=wells["experiment"].n_unique(),
        perturbations=treated.drop_nulls().n_unique(),
        channels=screen.channels,
        image=_image(screen),
        by={column: _counts(wells[column]) for column in ("experiment", "cell_type", "role", "dataset")},
    )


def plate_lines(screen: Screen, experiment: str, plate: str) -> list[str]:
    """One plate as text: a letter a row, a mark a well, and a last line that says what the marks mean."""
    own = screen.sites.filter((pl.col("experiment") == experiment) & (pl.col("plate") == plate)).unique("well")
    marks = {well_position(well): _MARKS[role] for well, role in own.select("well", "role").iter_rows()}
    height, width = smallest_format(1 + max(down for down, _ in marks), 1 + max(across for _, across in marks))
    lines = [
        f"{row_name(row):>2} " + "".join(marks.get((row, column), _EMPTY) for column in range(width))
        for row in range(height)
    ]
    used = [f"{mark} {role.replace('_', ' ')}" for role, mark in _MARKS.items() if mark in marks.values()]
    return [f"plate {plate} of {experiment}", *lines, "   " + ", ".join([*used, f"{_EMPTY} no site"])]


def _image(screen: Screen) -> tuple[int, int, str] | None:
    try:
        _, height, width = screen.store.shape
        return height, width, str(screen.store.dtype)
    except ImageError:
        return None


def _counts(column: pl.Series) -> dict[str, int]:
    counted = column.cast(pl.String).fill_null("unknown").value_counts().rows()
    return {str(name): int(count) for name, count in sorted(counted, key=lambda row: natural_key(row[0]))}
