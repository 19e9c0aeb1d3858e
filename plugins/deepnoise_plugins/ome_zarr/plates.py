"""Plate stores: where they lie, and which wells they list."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from deepnoise_core.contracts.errors import ScreenError
from deepnoise_core.data.names import natural_key
from deepnoise_core.data.plate_format import well_name, well_position
from deepnoise_plugins.ome_zarr.metadata import Group, ListedWell, PlateSection, ZarrFormat, parse, read_group

VERSIONS: dict[ZarrFormat, str] = {3: "0.5", 2: "0.4"}
"""Zarr format → version of OME-NGFF on it."""


@dataclass(frozen=True)
class PlateStore:
    """A folder that is a plate, or is called one.

    Attributes:
        experiment: the experiment it belongs to.
        folder: where it lies.
        group: its attributes; None where it is called `.zarr` but is no plate.
    """

    experiment: str
    folder: Path
    group: Group | None

    @property
    def name(self) -> str:
        """Name of the folder without `.zarr` or `.ome.zarr`."""
        return self.folder.resolve().name.removesuffix(".zarr").removesuffix(".ome")


@dataclass(frozen=True)
class Plate:
    """A plate and the wells that it lists.

    Attributes:
        experiment: the experiment it belongs to.
        name: its own name, or that of its store.
        folder: where it lies.
        group: its attributes.
        wells: name like `B02` → folder relative to the plate, by row and column.
    """

    experiment: str
    name: str
    folder: Path
    group: Group
    wells: Mapping[str, str]


def find_stores(path: Path) -> Iterator[PlateStore]:
    """The plate at a path or those in it, in natural order.

    Plates that lie in a folder are one experiment of its name; so are those of each of its folders.
    Folders that are called `.zarr` but are no plates come with `group=None`; other folders are passed over.

    Raises:
        ScreenError: a folder cannot be listed.
    """
    group = plate_group(path)
    if group is not None:
        yield PlateStore(path.resolve().parent.name or "plates", path, group)
        return
    deeper = []
    for folder in _folders(path):
        if (store := _store(path, folder)) is None:
            deeper.append(folder)
        else:
            yield store
    for folder in deeper:
        yield from filter(None, (_store(folder, inner) for inner in _folders(folder)))


def plate_group(folder: Path) -> Group | None:
    """The attributes of a plate; None where the folder is no plate.

    Raises:
        ScreenError: the folder has metadata that cannot be read.
    """
    for zarr_format in VERSIONS:
        group = read_group(folder, zarr_format)
        if group is not None and "plate" in group.ome:
            return group
    return None


def read_plate(store: PlateStore, group: Group, names: Literal["metadata", "store"]) -> Plate:
    """The plate in a store.

    Args:
        store: where it lies.
        group: its attributes.
        names: whether it is called by its metadata, where these name it, or as its store.

    Raises:
        ScreenError: the version is another; a section is malformed; a well is no row letter and column number,
            stands there twice, or has a path that contradicts its row and column; or the folder's name is in
            another encoding than UTF-8, which no table can hold.
    """
    if not _is_utf8(store.folder):
        raise ScreenError(f"{os.fsencode(store.folder)!r}: no name in UTF-8; rename the folder")
    section = parse(PlateSection, group.ome["plate"], group.file, "plate")
    version = section.version if group.zarr_format == 2 else group.ome.get("version")
    if version not in (None, VERSIONS[group.zarr_format]):
        raise ScreenError(f"{group.file}: OME-NGFF version {version!r}; convert the plate to 0.4 or 0.5")
    wells: dict[str, str] = {}
    for listed in section.wells:
        _require_place(listed, section, group)
        try:
            name = well_name(listed.path.replace("/", ""))
        except ScreenError as error:
            raise ScreenError(f"{group.file}: {error}") from None
        if name in wells:
            raise ScreenError(
                f"{group.file}: well {name} is listed as {wells[name]} and as {listed.path}; keep one"
            )
        wells[name] = listed.path
    named = (section.name if names == "metadata" else None) or store.name
    ordered = {name: wells[name] for name in sorted(wells, key=well_position)}
    return Plate(store.experiment, named, store.folder, group, ordered)


def _store(parent: Path, folder: Path) -> PlateStore | None:
    group = plate_group(folder)
    if group is None and folder.suffix != ".zarr":
        return None
    return PlateStore(parent.resolve().name or "plates", folder, group)


def _require_place(well: ListedWell, plate: PlateSection, group: Group) -> None:
    """Refuse a well whose path is not the names of its row and column, by which other programs know it."""
    row, column = well.path.split("/")
    for lines, place, name in ((plate.rows, well.row, row), (plate.columns, well.column, column)):
        if place is not None and (place >= len(lines) or lines[place].name != name):
            raise ScreenError(
                f"{group.file}: well {well.path} has rowIndex {well.row} and columnIndex {well.column}, "
                "which are another row and column, or none; mend the metadata"
            )


def _is_utf8(path: Path) -> bool:
    try:
        str(path.resolve()).encode()
    except UnicodeEncodeError:
        return False
    return True


def _folders(path: Path) -> list[Path]:
    try:
        return sorted(
            (child for child in path.iterdir() if child.is_dir()), key=lambda child: natural_key(child.name)
        )
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise ScreenError(f"{path}: cannot be listed ({error.strerror}); check its rights") from None
