"""Channels: which columns of a table name the image files of which channel.

deepnoise and DeepProfiler (`index.csv`) give each channel a column of its name, whose values are image files.
CellProfiler and JUMP (`load_data.csv`) give channel X the columns `FileName_X` and `PathName_X`, with `Image_`
before them where the table comes out of its database; JUMP's X is `OrigDNA` for the images of DNA, and
`IllumDNA` for what corrects them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from deepnoise_core.contracts.errors import ScreenError
from deepnoise_core.data.names import some_of

CELL_PAINTING = {
    "DNA": "Hoechst 33342",
    "ER": "concanavalin A",
    "RNA": "SYTO 14",
    "AGP": "phalloidin and wheat-germ agglutinin",
    "Mito": "MitoTracker Deep Red",
}
"""Channels of the Cell Painting assay → stain (Bray et al., Nature Protocols 2016)."""


@dataclass(frozen=True)
class ImageColumns:
    """The columns that say where the images of one channel lie.

    Attributes:
        file: names of the files.
        folder: their folders; None where `file` says all.
        page: page of each image in its file, from 0; None where a file holds one image.
    """

    file: str
    folder: str | None
    page: str | None


def find_channels(head: pl.DataFrame, chosen: Mapping[str, str], file: Path) -> dict[str, ImageColumns]:
    """Channel → columns of its images, in the order of the table or of `chosen`.

    Args:
        head: the first rows of the table.
        chosen: channel → column of its files, where the user says so.
        file: the table, for messages.

    Raises:
        ScreenError: no column names image files, or those of two channels do alike.
    """
    if chosen:
        return {name: _with_neighbours(column, head.columns) for name, column in chosen.items()}
    files = [column.name for column in head if _names_files(column)]
    of_cellprofiler = [name for name in files if _FILES.fullmatch(name)]
    found: dict[str, ImageColumns] = {}
    for column in of_cellprofiler or [name for name in files if not _PART.fullmatch(name)]:
        channel = re.sub("^Orig(?=[A-Z])", "", raw_channel(column) or column)
        if channel in found:
            raise ScreenError(
                f"{file}: columns {found[channel].file!r} and {column!r} both name channel {channel!r}; say "
                "which does with the option channels"
            )
        found[channel] = _with_neighbours(column, head.columns)
    if not found:
        raise ScreenError(
            f"{file}: no column names image files (.png, .tif, .tiff) in its first {head.height} rows; say "
            f"which does with the option channels; the table has {some_of(head.columns, most=20)}"
        )
    return found


def raw_channel(column: str) -> str | None:
    """The X of a `FileName_X` and its kin; None for other columns."""
    part = _PART.fullmatch(column)
    return part["channel"] if part else None


def about_images(head: pl.DataFrame, channels: Mapping[str, ImageColumns]) -> frozenset[str]:
    """The columns that name files, folders or pages, of these channels or of any."""
    of_channels = [(one.file, one.folder, one.page) for one in channels.values()]
    others = [column.name for column in head if raw_channel(column.name) or _names_files(column)]
    return frozenset([*others, *(name for names in of_channels for name in names if name)])


_PART = re.compile("(?P<before>(?:Image_)?)(?:FileName|PathName|Frame)_(?P<channel>.+)")
_FILES = re.compile("(?:Image_)?FileName_(?!Illum).+")


def _names_files(values: pl.Series) -> bool:
    if values.dtype not in (pl.String, pl.Categorical, pl.Enum):
        return False
    return bool(values.cast(pl.String).str.contains(r"(?i)\.(png|tiff?)\s*$").any())


def _with_neighbours(column: str, header: list[str]) -> ImageColumns:
    part = _PART.fullmatch(column)
    folder = f"{part['before']}PathName_{part['channel']}" if part else ""
    page = f"{part['before']}Frame_{part['channel']}" if part else f"{column}_page"
    return ImageColumns(column, folder if folder in header else None, page if page in header else None)
