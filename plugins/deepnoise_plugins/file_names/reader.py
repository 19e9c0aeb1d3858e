"""The reader of images that are named by a microscope."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

import polars as pl

from deepnoise_core.contracts import DroppedSite, Screen
from deepnoise_core.contracts.errors import ScreenError
from deepnoise_core.data.plate_map import with_plate_map
from deepnoise_core.data.presence import lacking_sites
from deepnoise_core.data.sites import site_table
from deepnoise_core.data.stains import known_stains
from deepnoise_core.data.stores import FileStore
from deepnoise_plugins.file_names.conventions import CONVENTIONS, convention_of, stems
from deepnoise_plugins.file_names.fields import read_fields
from deepnoise_plugins.file_names.listing import holds_metadata, image_files
from deepnoise_plugins.file_names.options import FileNamesOptions
from deepnoise_plugins.file_names.planes import Planes, find_planes


class FileNamesReader:
    """Opens a folder of PNG or TIFF images, in plates' folders or not, by the names of its files.

    Images whose names do not follow the others' are listed as dropped.
    """

    def __init__(self, options: FileNamesOptions) -> None:
        self.options = options

    def recognises(self, path: Path) -> bool:
        """Whether a folder holds images that one microscope named, and neither a table nor Zarr metadata."""
        try:
            if not path.is_dir() or holds_metadata(path):
                return False
            files = pl.Series(islice(image_files(path), _LOOKED_AT), dtype=pl.String)
        except (OSError, ScreenError):
            return False
        return not files.is_empty() and convention_of(files) is not None

    def open(self, path: Path) -> Screen:
        """The screen of a folder.

        Raises:
            ScreenError: no image is there, their names are not understood or contradict each other, there are
                several z planes or time points, no site is left, or, with `missing="error"`, a site lacks an
                image. Names files and the option that helps.
        """
        if not path.is_dir():
            raise ScreenError(f"{path}: no such folder; give the folder of the images")
        files = pl.Series(image_files(path), dtype=pl.String)
        if files.is_empty():
            raise ScreenError(f"{path}: no PNG or TIFF image lies in this folder or below it")
        fields = read_fields(files, self._pattern(files, path), path)
        unread = files.filter(~files.is_in(fields["name"].implode()))
        if fields.is_empty():
            raise ScreenError(
                f"{path}: no image is named by the option pattern, e.g. {stems(files)[0]!r} is not; the pattern "
                "must match this whole text, or all of it behind a slash"
            )
        chosen = {called: name for name, called in self.options.channels.items()}
        planes = find_planes(fields, chosen, {"z": self.options.z, "t": self.options.t}, path)
        frame = planes.sites
        if self.options.layout is not None:
            frame = with_plate_map(frame, path / self.options.layout)
        places = planes.names.select(pl.concat_str(pl.lit(f"{path}/"), pl.coalesce(pl.all())).alias("place"))[
            "place"
        ]
        sites = site_table(frame, str(path), places)
        lacking = self._lacking(planes, sites["site_id"], path)
        usable = ~pl.int_range(sites.height, eager=True).is_in(list(lacking))
        return Screen(
            sites=sites.filter(usable),
            channels=planes.channels,
            store=FileStore(
                path,
                planes.names.filter(usable).to_numpy(),
                pages=None if planes.pages is None else planes.pages[usable.to_numpy()],
                site_ids=sites["site_id"].filter(usable).to_numpy(),
            ),
            source=str(path),
            reader="file-names",
            dropped=(*lacking.values(), *_strangers(unread)),
            stains=known_stains(self.options.stains, planes.channels, path),
        )

    def _pattern(self, files: pl.Series, path: Path) -> str:
        if self.options.pattern is not None:
            return self.options.pattern
        convention = convention_of(files)
        if convention is None:
            examples = "; ".join(f"{one.example} ({one.name})" for one in CONVENTIONS)
            raise ScreenError(
                f"{path}: the names of its {len(files)} images, e.g. {files[0]!r}, follow no convention that is "
                f"known: {examples}; say with the option pattern how to read them"
            )
        return convention.pattern

    def _lacking(self, planes: Planes, site_ids: pl.Series, path: Path) -> dict[int, DroppedSite]:
        """Row → why it cannot be used."""
        absent = (
            planes.names.with_row_index("row")
            .unpivot(index="row", variable_name="channel", value_name="name")
            .filter(pl.col("name").is_null())
            .sort("row", maintain_order=True)
        )
        lacking = lacking_sites(absent, site_ids, len(planes.channels), path)
        if lacking and self.options.missing == "error":
            first = next(iter(lacking.values()))
            raise ScreenError(
                f"{path}: site {first.site_id}: {first.reason}; {len(lacking)} sites lack images: put them "
                "back, or set missing=drop"
            )
        if len(lacking) == len(site_ids):
            raise ScreenError(
                f"{path}: none of its {len(site_ids)} sites has all {len(planes.channels)} channels, e.g. "
                f"{lacking[0].site_id}: {lacking[0].reason}; leave channels out with the option channels"
            )
        return lacking


_LOOKED_AT = 200


def _strangers(files: Iterable[str]) -> Iterator[DroppedSite]:
    return (DroppedSite(name, "the name of this image does not follow the others'") for name in files)
