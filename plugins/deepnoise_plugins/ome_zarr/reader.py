"""The reader of OME-Zarr plates."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import polars as pl

from deepnoise_core.contracts import DroppedSite, Screen
from deepnoise_core.contracts.errors import ScreenError
from deepnoise_core.data.names import some_of
from deepnoise_core.data.plate_map import with_plate_map
from deepnoise_core.data.sites import site_table
from deepnoise_core.data.stains import known_stains
from deepnoise_plugins.ome_zarr.metadata import Treatment
from deepnoise_plugins.ome_zarr.options import OmeZarrOptions
from deepnoise_plugins.ome_zarr.plates import Plate, find_stores, read_plate
from deepnoise_plugins.ome_zarr.store import ZarrSites
from deepnoise_plugins.ome_zarr.wells import ListedSite, missing, read_sites


class OmeZarrReader:
    """Opens one plate store, or a folder of them; folders inside it that hold plates are experiments.

    All metadata are read at once, as small files; arrays are opened when pixels are read. Wells that a plate
    does not list are no wells of the screen. Wells and images that are listed and not there are `missing`,
    and so are images some of whose chunks are not there: the Zarr specification puts the fill value in their
    place, but black images are what an incomplete copy must not become.
    """

    def __init__(self, options: OmeZarrOptions) -> None:
        self.options = options

    def recognises(self, path: Path) -> bool:
        """Whether the path is a plate store, or holds one, or a folder in it does."""
        try:
            return any(store.group for store in find_stores(path))
        except ScreenError:
            return False

    def open(self, path: Path) -> Screen:
        """The screen of a plate store or of a folder of them.

        Raises:
            ScreenError: metadata are malformed or contradict one another; no site is left; or, with
                `missing="error"`, a well, an image or a chunk is not there. Names the file.
            ImageError: the sites are not of one size and dtype.
        """
        plates, dropped = self._plates(path)
        listed: list[ListedSite] = []
        for found in self._sites(plates):
            if isinstance(found, ListedSite):
                listed.append(found)
            else:
                dropped.append(found)
        if not listed:
            reason = f", e.g. {dropped[0].site_id}: {dropped[0].reason}" if dropped else ""
            raise ScreenError(
                f"{path}: no site of its plates can be used{reason}; check the plates and the options"
            )
        channels = _channels(listed)
        # Beside a plate lies what goes with it, and in a folder of plates.
        folder = path.parent if plates[0].folder == path else path
        sites = self._table(path, folder, listed)
        images = [one.image for one in listed]
        return Screen(
            sites=sites,
            channels=channels,
            store=ZarrSites(sites["site_id"].to_list(), images, fill=self.options.absent_chunks == "fill"),
            source=str(path),
            reader="ome-zarr",
            dropped=tuple(dropped),
            stains=known_stains(self.options.stains, channels, path),
        )

    def _plates(self, path: Path) -> tuple[list[Plate], list[DroppedSite]]:
        plates: dict[tuple[str, str], Plate] = {}
        dropped = []
        for store in find_stores(path):
            if store.group is None:
                reason = f"{store.folder} is no OME-Zarr plate: its metadata name none"
                dropped.append(missing(f"{store.experiment}_{store.name}", reason, self.options))
                continue
            plate = read_plate(store, store.group, self.options.plate_name)
            other = plates.setdefault((plate.experiment, plate.name), plate)
            if other is not plate:
                raise ScreenError(
                    f"{plate.folder}: plate {plate.name!r} of {plate.experiment} is {other.folder} already; "
                    "name it anew, or set plate_name=store"
                )
        if not plates:
            raise ScreenError(
                f"{path}: no OME-Zarr plate (.zattrs or zarr.json with plate in it); give a plate store, "
                "or the folder of several"
            )
        return list(plates.values()), dropped

    def _sites(self, plates: Sequence[Plate]) -> Iterator[ListedSite | DroppedSite]:
        # Threads wait together where the files lie across a network.
        with ThreadPoolExecutor(_THREADS) as pool:
            for plate in plates:
                for sites in pool.map(partial(read_sites, plate, options=self.options), plate.wells):
                    yield from sites

    def _table(self, path: Path, folder: Path, listed: Sequence[ListedSite]) -> pl.DataFrame:
        frame = pl.DataFrame([one.fields for one in listed], schema=_COLUMNS)
        if frame["acquisition"].is_null().all():
            frame = frame.drop("acquisition")
        if self.options.layout is not None:
            frame = with_plate_map(frame, folder / self.options.layout)
        return site_table(frame, str(path), pl.Series([one.place for one in listed]))


_THREADS = 8
_COLUMNS = {
    **dict.fromkeys(("experiment", "plate", "well"), pl.String),
    **dict.fromkeys(("site", "acquisition"), pl.Int64),
    **dict.fromkeys(Treatment.model_fields, pl.String),
}


def _channels(listed: Sequence[ListedSite]) -> tuple[str, ...]:
    first = listed[0]
    for one in listed:
        if one.image.channels != first.image.channels:
            raise ScreenError(
                f"{one.place}: its channels are {some_of(one.image.channels, most=20)}, but those of "
                f"{first.place} are {some_of(first.image.channels, most=20)}; label them alike, or open them as "
                "two screens (option acquisitions picks some)"
            )
    return first.image.channels
