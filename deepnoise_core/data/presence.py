"""Presence: which images of a table are there, told by one listing a folder and no look at single files."""

from __future__ import annotations

import os
from pathlib import Path

import polars as pl

from deepnoise_core.contracts.errors import ScreenError
from deepnoise_core.contracts.screens import DroppedSite


def absent_images(names: pl.DataFrame, root: Path) -> pl.DataFrame:
    """The images that are named and not there, and the names that are not given.

    Args:
        names: one row a site and one column a channel: files relative to `root`, or absolute; null where
            the table names none.
        root: folder that relative names start from.

    Returns:
        Columns `row`, `channel` and `name` (null where none is given), by row and then by channel.

    Raises:
        ScreenError: a folder is there and cannot be listed.
    """
    files = names.with_row_index("row").unpivot(index="row", variable_name="channel", value_name="name")
    absent = files.join(_listed(names, root), on="name", how="anti", maintain_order="left")
    return absent.sort("row", maintain_order=True)


def lacking_sites(absent: pl.DataFrame, site_ids: pl.Series, channels: int, root: Path) -> dict[int, DroppedSite]:
    """Row → why it cannot be used, for every site that lacks an image.

    Args:
        absent: as `absent_images` gives it for these sites.
        site_ids: the name of each site, [N].
        channels: how many images a site has.
        root: folder that relative names start from.
    """
    sites = absent.group_by("row", maintain_order=True).agg("channel", "name")
    return {
        row: DroppedSite(
            site_ids[row], f"{len(names)} of {channels} images missing{_named(lacking, names, root)}"
        )
        for row, lacking, names in sites.iter_rows()
    }


def _listed(names: pl.DataFrame, root: Path) -> pl.DataFrame:
    """Every file of the folders that are named, each spelt as the names would spell it."""
    folders = pl.concat([column.str.replace("[^/]*$", "").unique() for column in names]).unique()
    found = [folder + _files(root / folder) for folder in sorted(folders.drop_nulls())]
    return pl.DataFrame({"name": pl.concat(found) if found else pl.Series(dtype=pl.String)})


def _files(folder: Path) -> pl.Series:
    """The files in a folder; none where there is no such folder."""
    names: list[str] = []
    try:
        with os.scandir(folder) as entries:
            # A name in another encoding is none that a table can hold.
            names = [os.fsencode(entry.name).decode(errors="replace") for entry in entries]
    except (FileNotFoundError, NotADirectoryError):
        pass
    except OSError as error:
        raise ScreenError(f"{folder}: cannot be listed ({error.strerror}); check its rights") from None
    return pl.Series(names, dtype=pl.String)


def _named(channels: list[str], names: list[str | None], root: Path) -> str:
    """` in FOLDER: A.png, B.png`, or whole names where the folders differ; a channel stands for no name."""
    parts = [
        (name or f"(none named for {channel})").rpartition("/")
        for channel, name in zip(channels, names, strict=True)
    ]
    folders = {folder for folder, _, _ in parts}
    if len(folders) > 1:
        return ": " + ", ".join("".join(part) for part in parts)
    return f" in {root / folders.pop()}: " + ", ".join(file for *_, file in parts)
