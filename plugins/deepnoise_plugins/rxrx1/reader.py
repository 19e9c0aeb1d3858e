"""The reader of RxRx1 folders."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

from deepnoise_core.contracts import DroppedSite, Screen
from deepnoise_core.contracts.errors import ScreenError
from deepnoise_core.data.names import some_of
from deepnoise_core.data.presence import absent_images, lacking_sites
from deepnoise_core.data.sites import site_table
from deepnoise_core.data.stores import FileStore
from deepnoise_plugins.rxrx1.images import image_format, image_stems
from deepnoise_plugins.rxrx1.kaggle import is_kaggle_table, read_kaggle, treatment_files
from deepnoise_plugins.rxrx1.layouts import Listing
from deepnoise_plugins.rxrx1.options import RxRx1Options
from deepnoise_plugins.rxrx1.public import is_public_metadata, metadata_files, read_public


class RxRx1Reader:
    """Opens the public release, the competition's or that of WILDS, told apart by the files that are there.

    WILDS has the metadata of the public release, but one RGB image a site: three channels.

    Where no image was downloaded (`images/`, or both `train/` and `test/`, are absent) the screen opens
    with all its sites, so that metadata can be looked at; reading pixels then raises an `ImageError`.
    With `missing="error"` such a folder is refused.
    """

    def __init__(self, options: RxRx1Options) -> None:
        self.options = options

    def recognises(self, path: Path) -> bool:
        """Whether the path is a folder of a release, or the metadata file of the public one."""
        try:
            if path.is_file():
                return is_public_metadata(path)
            tables = treatment_files(path)
            return any(map(is_public_metadata, metadata_files(path))) or any(map(is_kaggle_table, tables))
        except OSError:
            return False

    def open(self, path: Path) -> Screen:
        """The screen of an RxRx1 folder, or of a public metadata file with `images/` beside it.

        Raises:
            ScreenError: metadata are missing, ambiguous or malformed; no site is left; or, with
                `missing="error"`, a site lacks an image. Names file, line or column.
        """
        listing = self._listing(path)
        sites = site_table(listing.sites, listing.source, listing.places)
        stems = image_stems(sites, listing.plate_folder, listing.places)
        plates = stems.str.replace("/[^/]*$", "").unique(maintain_order=True)
        form = image_format(listing.image_root / plate for plate in plates)
        names = form.names(stems)
        dropped = self._unwanted(sites)
        dropped |= self._without_images(listing, sites, names, dropped)
        kept = pl.Series(np.setdiff1d(np.arange(sites.height), list(dropped)))
        if kept.is_empty():
            example = dropped[min(dropped)]
            raise ScreenError(
                f"{path}: none of the {sites.height} listed sites can be used, e.g. {example.site_id}: "
                f"{example.reason}; check the folder of images and the option sites"
            )
        files, pages = form.planes(names[kept])
        return Screen(
            sites=sites[kept],
            channels=form.channels,
            store=FileStore(listing.image_root, files, pages=pages, site_ids=sites["site_id"][kept].to_numpy()),
            source=str(path),
            reader="rxrx1",
            dropped=tuple(dropped[row] for row in sorted(dropped)),
            stains=form.stains,
        )

    def _listing(self, path: Path) -> Listing:
        if path.is_file():
            return read_public(path)
        if not path.is_dir():
            raise ScreenError(f"{path}: no such folder; give the folder of an RxRx1 release")
        metadata, tables = metadata_files(path), treatment_files(path)
        if len(metadata) > 1 or (metadata and tables):
            found = some_of(file.name for file in (*metadata, *tables))
            raise ScreenError(
                f"{path}: found {found}, which list sites twice; keep one listing, or give its path"
            )
        if metadata:
            return read_public(metadata[0])
        if tables:
            return read_kaggle(path, self.options.sites)
        raise ScreenError(
            f"{path}: no metadata.csv, train.csv or test.csv in it; give the folder of an RxRx1 release"
        )

    def _unwanted(self, sites: pl.DataFrame) -> dict[int, DroppedSite]:
        wanted = self.options.sites
        rows = (~sites["site"].is_in(wanted)).arg_true().to_list()
        return {
            row: DroppedSite(sites["site_id"][row], f"site {sites['site'][row]} is not among sites={wanted}")
            for row in rows
        }

    def _without_images(
        self, listing: Listing, sites: pl.DataFrame, names: pl.DataFrame, unwanted: dict[int, DroppedSite]
    ) -> dict[int, DroppedSite]:
        refuse = self.options.missing == "error"
        if not any(folder.is_dir() for folder in listing.image_folders):
            if refuse:
                folders = some_of(str(folder) for folder in listing.image_folders)
                raise ScreenError(f"images folder {folders} not found; put the images there, or set missing=drop")
            return {}
        absent = absent_images(names, listing.image_root)
        lacking = lacking_sites(absent, sites["site_id"], names.width, listing.image_root)
        lacking = {row: site for row, site in lacking.items() if row not in unwanted}
        if lacking and refuse:
            row = min(lacking)
            raise ScreenError(
                f"{listing.places[row]}: site {lacking[row].site_id}: {lacking[row].reason}; "
                f"{len(lacking)} sites lack images: put them back, or set missing=drop"
            )
        return lacking
