"""The JSON of Zarr groups and arrays, as OME-NGFF 0.4 and 0.5 lay it down; what is foreign to them is let be."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import from_json

from deepnoise_core.contracts.errors import ScreenError

MAX_BYTES = 16 * 1024**2
"""Longest metadata file that is read; a plate of 1536 wells takes 0.1 MB."""

ZarrFormat = Literal[2, 3]

_SEGMENT = "[A-Za-z0-9_-][A-Za-z0-9_.-]*"  # no segment can be `..`, so no path leaves its group
_Segment = Annotated[str, Field(pattern=f"^{_SEGMENT}$")]
_Segments = Annotated[str, Field(pattern=f"^{_SEGMENT}(/{_SEGMENT})*$")]


class Section(BaseModel):
    """A part of the metadata; further keys are allowed everywhere."""

    model_config = ConfigDict(frozen=True)


class Named(Section):
    """A row, a column or an axis."""

    name: str


class ListedWell(Section):
    """A well that a plate lists: its path is row name / column name."""

    path: Annotated[str, Field(pattern="^[A-Za-z0-9]+/[A-Za-z0-9]+$")]
    row: Annotated[int, Field(ge=0)] | None = Field(None, alias="rowIndex")
    column: Annotated[int, Field(ge=0)] | None = Field(None, alias="columnIndex")


class PlateSection(Section):
    """`plate` of a plate group."""

    version: str | None = None
    name: str | None = None
    rows: tuple[Named, ...]
    columns: tuple[Named, ...]
    wells: tuple[ListedWell, ...]


class ListedImage(Section):
    """An image (field of view) that a well lists."""

    path: _Segment
    acquisition: Annotated[int, Field(ge=0, lt=2**31)] | None = None


class WellSection(Section):
    """`well` of a well group."""

    images: tuple[ListedImage, ...]


class Treatment(Section):
    """What a plate or well group says of its treatment, beside what OME-NGFF defines."""

    perturbation: str | None = None
    role: str | None = None
    cell_type: str | None = None
    dataset: str | None = None


class Dataset(Section):
    """An array of a pyramid."""

    path: _Segments


class Multiscale(Section):
    """A pyramid: the same image at several sizes, the largest first."""

    axes: tuple[Named, ...]
    datasets: Annotated[tuple[Dataset, ...], Field(min_length=1)]


class Channel(Section):
    """How a viewer is to show a channel."""

    label: str | None = None


class Omero(Section):
    """`omero` of an image group."""

    channels: tuple[Channel, ...] = ()


class ImageSection(Section):
    """What an image group says of its image."""

    multiscales: Annotated[tuple[Multiscale, ...], Field(min_length=1)]
    omero: Omero = Omero()


@dataclass(frozen=True)
class Group:
    """The attributes of a Zarr group.

    Attributes:
        file: where they were read.
        zarr_format: 2 or 3.
        attributes: all of them.
        ome: those that OME-NGFF defines.
    """

    file: Path
    zarr_format: ZarrFormat
    attributes: Mapping[str, Any]
    ome: Mapping[str, Any]


def read_group(folder: Path, zarr_format: ZarrFormat) -> Group | None:
    """The attributes of the group in a folder; None where there is none.

    Raises:
        ScreenError: the file is no JSON object, or cannot be read.
    """
    file = folder / (".zattrs" if zarr_format == 2 else "zarr.json")
    content = read_json(file)
    if content is None:
        return None
    if zarr_format == 2:
        return Group(file, 2, content, content)
    attributes = _object(content.get("attributes"))
    return Group(file, 3, attributes, _object(attributes.get("ome")))


def read_json(file: Path) -> dict[str, Any] | None:
    """A file of one JSON object; None where it is not there.

    Raises:
        ScreenError: the file is longer than `MAX_BYTES`, no JSON object, or cannot be read.
    """
    try:
        with file.open("rb") as stream:
            size = os.fstat(stream.fileno()).st_size
            content = stream.read(min(size, MAX_BYTES))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise ScreenError(f"{file}: cannot be read ({error.strerror}); check its rights") from None
    if size > MAX_BYTES:
        raise ScreenError(f"{file}: longer than {MAX_BYTES} bytes, which no metadata need; copy the store again")
    try:
        parsed = from_json(content)
    except ValueError as error:
        raise ScreenError(f"{file}: no JSON ({error}); copy the store again") from None
    if not isinstance(parsed, dict):
        raise ScreenError(f"{file}: no JSON object; copy the store again")
    return parsed


_Section = TypeVar("_Section", bound=Section)


def parse(model: type[_Section], content: object, file: Path, section: str = "") -> _Section:
    """A section of a metadata file.

    Args:
        model: what the section must be.
        content: what it is.
        file: the file that holds it, for messages.
        section: its name there, for messages.

    Raises:
        ScreenError: a field is missing or wrong; names the first, and what was found.
    """
    try:
        return model.model_validate(content)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in (section, *first["loc"]) if part != "")
        found = repr(first["input"])
        found = found if len(found) <= _LONGEST_SHOWN else f"{found[:_LONGEST_SHOWN]} ..."
        raise ScreenError(f"{file}: {place}: {first['msg']}, found {found}; mend the metadata") from None


_LONGEST_SHOWN = 80


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
