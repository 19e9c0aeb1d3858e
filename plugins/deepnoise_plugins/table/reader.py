"""The reader of tables of image files."""

from __future__ import annotations

from pathlib import Path

from deepnoise_core.contracts import Screen
from deepnoise_core.contracts.errors import ScreenError
from deepnoise_core.data.names import some_of
from deepnoise_core.data.plate_map import with_plate_map
from deepnoise_core.data.sites import site_table
from deepnoise_core.data.stains import known_stains
from deepnoise_core.data.tables import peek_table, places_in, read_table
from deepnoise_plugins.table.columns import find_columns
from deepnoise_plugins.table.files import read_files
from deepnoise_plugins.table.images import find_images, no_images
from deepnoise_plugins.table.options import TableOptions
from deepnoise_plugins.table.sites import read_sites

ENDINGS = (".csv", ".csv.gz", ".tsv", ".tsv.gz", ".txt", ".txt.gz", ".parquet")
"""Endings of the files that are looked at in a folder."""


class TableReader:
    """Opens a CSV or Parquet file with one row a site, or a folder that holds exactly one.

    Which columns say what is told by their names (`find_columns`), or by the options. Where none of the images
    is there, the screen opens with all its sites, so that metadata can be looked at; reading pixels then
    raises an `ImageError`. With `missing="error"` such a table is refused.
    """

    def __init__(self, options: TableOptions) -> None:
        self.options = options

    def recognises(self, path: Path) -> bool:
        """Whether the path is a table of sites with image files, or a folder with such a table in it."""
        try:
            return any(map(self._lists_images, _candidates(path)))
        except (OSError, ValueError):
            return False

    def open(self, path: Path) -> Screen:
        """The screen of a table.

        Raises:
            ScreenError: there is no such table, or several; it is malformed; no site is left; or, with
                `missing="error"`, a site lacks an image. Names file and line.
        """
        file = self._table(path)
        table = read_table(file)
        places = places_in(file, table.height)
        columns = find_columns(table.head(_HEAD), self.options, file)
        stains = {**columns.stains, **known_stains(self.options.stains, list(columns.channels), file)}
        frame = read_sites(table, columns, self.options, places, file)
        if self.options.layout is not None:
            frame = with_plate_map(frame, file.parent / self.options.layout)
        sites = site_table(frame, str(file), places)
        if self.options.images == "none":
            images = no_images(sites.height, file)
        else:
            names = read_files(table, columns.channels, self.options, places, file)
            images = find_images(names, sites["site_id"], places, file, refuse=self.options.missing == "error")
        return Screen(
            sites=sites.filter(images.usable),
            channels=tuple(columns.channels),
            store=images.store,
            source=str(path),
            reader="table",
            dropped=images.dropped,
            stains=stains,
        )

    def _lists_images(self, file: Path) -> bool:
        try:
            find_columns(peek_table(file, _HEAD), self.options, file)
        except ScreenError:
            return False
        return True

    def _table(self, path: Path) -> Path:
        if path.is_file():
            return path
        if not path.is_dir():
            raise ScreenError(f"{path}: no such file or folder; give a table of image files, or its folder")
        candidates = _candidates(path)
        if len(candidates) == 1:
            return candidates[0]
        tables = [file for file in candidates if self._lists_images(file)]
        if len(tables) > 1:
            names = some_of(file.name for file in tables)
            raise ScreenError(f"{path}: {names} list sites each; keep one, or give its path")
        if not tables:
            names = some_of(file.name for file in candidates)
            looked = f"looked at {names}" if names else "found no CSV or Parquet file"
            raise ScreenError(f"{path}: no table of sites with image files in it ({looked}); give its path")
        return tables[0]


_HEAD = 100


def _candidates(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    return sorted(file for file in path.iterdir() if file.name.lower().endswith(ENDINGS) and file.is_file())
