"""Columns: what those of a table say of its sites, told by their names.

A column is known by its name in any case, with `Metadata_` or `Image_Metadata_` before it or not, and with the
name of a channel behind it, as CellProfiler's database repeats `Image_Metadata_Plate_DAPI` for each.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from deepnoise_core.contracts import SITE_COLUMNS
from deepnoise_core.contracts.errors import ScreenError
from deepnoise_core.data.names import did_you_mean, some_of
from deepnoise_plugins.table.channels import CELL_PAINTING, ImageColumns, about_images, find_channels, raw_channel
from deepnoise_plugins.table.options import TableOptions

SPELLINGS: Mapping[str, tuple[str, ...]] = {
    **{name: (name,) for name in SITE_COLUMNS},
    "experiment": ("experiment", "batch"),
    "cell_type": ("cell_type", "celltype", "cell_line"),
    "role": ("role", "control_type", "pert_type"),
    "perturbation": ("perturbation", "jcp2022", "broad_sample", "compound"),
}
"""Column of a screen → what tables call it; the first that a table has counts."""


@dataclass(frozen=True)
class Columns:
    """What the columns of a table say.

    Attributes:
        channels: channel → columns of its images, in order.
        sites: column of the screen → column of the table; without `role`.
        roles: columns that may say the role; the first that is filled counts.
        well_parts: row and column of the well, where no column names the well itself.
        further: columns that say something else.
    """

    channels: Mapping[str, ImageColumns]
    sites: Mapping[str, str]
    roles: tuple[str, ...]
    well_parts: tuple[str, str] | None
    further: tuple[str, ...]

    @property
    def stains(self) -> Mapping[str, str]:
        """Channel → stain, where the channels are those of the Cell Painting assay."""
        return CELL_PAINTING if self.channels.keys() >= CELL_PAINTING.keys() else {}


def find_columns(head: pl.DataFrame, options: TableOptions, file: Path) -> Columns:
    """What the columns of a table say.

    Args:
        head: its first rows; columns of image files are told by these.
        options: what the user says of the columns.
        file: the table, for messages.

    Raises:
        ScreenError: a column that was asked for is not there, two channels have one name, or the table names
            no image file, no plate or no well.
    """
    header = head.columns
    for name in (*options.columns.values(), *options.channels.values()):
        if name not in header:
            raise ScreenError(f"{file}: no column {name!r}{did_you_mean(name, header)}; {_has(header)}")
    channels = {} if options.images == "none" else find_channels(head, options.channels, file)
    of_images = about_images(head, channels)
    candidates = _by_meaning(header, of_images)
    found = {
        name: [column for word in SPELLINGS[name] for column in candidates.get(word, ())] for name in SPELLINGS
    }
    found |= {name: [column] for name, column in options.columns.items()}
    found |= {name: [] for name in options.constants}
    sites = {name: columns[0] for name, columns in found.items() if columns and name != "role"}
    well_parts = None
    if "well" not in sites.keys() | options.constants.keys():
        well_parts = _well_parts(candidates)
    for name in ("plate", "well"):
        if name not in sites.keys() | options.constants.keys() and not (name == "well" and well_parts):
            raise ScreenError(
                f"{file}: no column names the {name}; say which does with the option columns.{name}, or give one "
                f"for all rows with constants.{name}; {_has(header)}"
            )
    if options.roles and not found["role"]:
        raise ScreenError(
            f"{file}: no column names the role; say which does with the option columns.role; {_has(header)}"
        )
    used = {*of_images, *sites.values(), *SITE_COLUMNS}
    further = tuple(name for name in header if name not in used)
    return Columns(channels, sites, tuple(found["role"]), well_parts, further)


def _has(header: list[str]) -> str:
    return f"the table has {some_of(header, most=20)}"


def _by_meaning(header: list[str], of_images: Iterable[str]) -> dict[str, list[str]]:
    """Word without case, prefix and channel → columns that mean it, in the order of the table."""
    suffixes = [f"_{raw.lower()}" for column in of_images if (raw := raw_channel(column))]
    candidates: dict[str, list[str]] = {}
    for column in header:
        if column not in of_images:
            word = re.sub("^(image_)?(metadata_)?", "", column.strip().lower())
            suffix = next((one for one in suffixes if word.endswith(one)), "")
            candidates.setdefault(word.removesuffix(suffix), []).append(column)
    return candidates


def _well_parts(candidates: Mapping[str, list[str]]) -> tuple[str, str] | None:
    rows, columns = candidates.get("row"), candidates.get("col") or candidates.get("column")
    return (rows[0], columns[0]) if rows and columns else None
