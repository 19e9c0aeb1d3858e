"""Files: the images that a table names, as they are called on this machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from deepnoise_core.contracts.errors import ScreenError
from deepnoise_core.data.paths import require_inside
from deepnoise_plugins.table.cells import refuse, text
from deepnoise_plugins.table.channels import ImageColumns
from deepnoise_plugins.table.options import TableOptions


@dataclass(frozen=True)
class ImageNames:
    """The images of each site.

    Attributes:
        root: folder that relative names start from.
        files: one row a site, one column a channel; null where the table names none.
        pages: page of each image in its file, int64, laid out as `files`; None where files hold one image.
    """

    root: Path
    files: pl.DataFrame
    pages: pl.DataFrame | None


def read_files(
    table: pl.DataFrame,
    channels: Mapping[str, ImageColumns],
    options: TableOptions,
    places: pl.Series,
    file: Path,
) -> ImageNames:
    r"""The images that a table names, each one once. Backslashes are read as slashes.

    Args:
        table: one row a site.
        channels: channel → columns of its images.
        options: where the images lie.
        places: where each row stands, [N].
        file: the table; its folder is where relative names start without `image_root`.

    Raises:
        ScreenError: a name leads out of its folder, does not lie in `listed_root`, is absolute although
            `image_root` is set, or is given to two channels or sites; or a page is no whole number.
    """
    names = [_names(table, channel, one, options, places, file) for channel, one in channels.items()]
    pages = None
    if any(one.page for one in channels.values()):
        pages = pl.DataFrame([_pages(table, channel, one, places, file) for channel, one in channels.items()])
    found = ImageNames(file.parent / Path(options.image_root or "").expanduser(), pl.DataFrame(names), pages)
    _require_distinct(found, places)
    return found


def _names(
    table: pl.DataFrame, channel: str, columns: ImageColumns, options: TableOptions, places: pl.Series, file: Path
) -> pl.Series:
    names = text(table, columns.file, file)
    if columns.folder is not None:
        folder = text(table, columns.folder, file).str.strip_chars_end("/\\")
        whole = pl.when(folder.is_null()).then(names).otherwise(pl.concat_str(folder, pl.lit("/"), names))
        names = pl.select(whole.alias(columns.file)).to_series()
    if names.str.contains("\\", literal=True).any():
        names = names.str.replace_all("\\", "/", literal=True)
    names = names.alias(channel)
    if options.listed_root is not None:
        start = options.listed_root.replace("\\", "/").rstrip("/") + "/"
        message = f"does not lie in listed_root {options.listed_root!r}; give the folder of all images"
        refuse(names, ~names.str.starts_with(start), places, message)
        names = names.str.strip_prefix(start)
    if options.image_root is not None:
        message = (
            f"is absolute, and cannot be found under image_root {options.image_root!r}; say with listed_root "
            "what that folder is called in the table"
        )
        refuse(names, names.str.contains(_ABSOLUTE), places, message)
    require_inside(names.str.replace(_ABSOLUTE, "") if names.str.contains(_ABSOLUTE).any() else names, places)
    return names


_ABSOLUTE = "^(/|[A-Za-z][A-Za-z0-9+.-]*:/)/*"
"""How paths from a root begin, those of Windows and URLs among them."""


def _pages(table: pl.DataFrame, channel: str, columns: ImageColumns, places: pl.Series, file: Path) -> pl.Series:
    if columns.page is None:
        return pl.repeat(0, table.height, dtype=pl.Int64, eager=True).alias(channel)
    written = text(table, columns.page, file).fill_null("")
    pages = written.str.replace(r"\.0+$", "").cast(pl.Int64, strict=False)
    refuse(written, pages.is_null() | (pages < 0), places, "is no page; give a whole number, from 0")
    return pages.alias(channel)


def _require_distinct(names: ImageNames, places: pl.Series) -> None:
    """Refuse an image that is given twice: tables have been published in which two channels name one file."""
    columns = names.files.get_columns()
    if names.pages is not None:
        pages = names.pages.cast(pl.String).get_columns()
        columns = [file + ":" + page for file, page in zip(columns, pages, strict=True)]
    images = pl.concat(columns)
    given = images.drop_nulls()
    # Distinct hashes are much faster to count than distinct names, and prove these distinct.
    if given.hash().n_unique() == len(given) or given.n_unique() == len(given):
        return
    second = int((~images.is_first_distinct() & images.is_not_null()).arg_true()[0])
    first = int((images == images[second]).arg_true()[0])
    (channel, row), (other, other_row) = divmod(second, len(places)), divmod(first, len(places))
    header = names.files.columns
    raise ScreenError(
        f"{places[row]}: {header[channel]} is {images[second]!r}, which is {header[other]} at "
        f"{places[other_row]}; give each its own image, or leave a channel out with the option channels"
    )
