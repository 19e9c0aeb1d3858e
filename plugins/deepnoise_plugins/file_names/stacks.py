"""Stacks: TIFF files with several pages, and what OME or ImageJ metadata say of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from deepnoise_core.contracts.errors import ImageError
from deepnoise_core.data.decoding.tiff import open_tiff

if TYPE_CHECKING:
    import tifffile


@dataclass(frozen=True)
class Stack:
    """The pages of one file.

    Attributes:
        pages: page of every time point, z plane and channel, integers [T, Z, C]; None where nothing says what
            the pages are.
        names: of the channels, [C]; None where nothing names them.
        count: how many pages there are, as far as the metadata tell; 1 where they tell nothing.
    """

    pages: NDArray[np.int64] | None
    names: tuple[str, ...] | None
    count: int

    @property
    def kind(self) -> tuple[object, ...]:
        """What the stacks of one screen have in common."""
        return self.names, self.count, None if self.pages is None else self.pages.shape

    def __str__(self) -> str:
        shape = (
            "" if self.pages is None else " ({} time points, {} z planes, {} channels)".format(*self.pages.shape)
        )
        return f"{self.count} pages{shape}" + (f" of {', '.join(self.names)}" if self.names else "")


def read_stack(file: Path) -> Stack:
    """What the metadata of a TIFF say of its pages; its pixels are not looked at.

    Raises:
        ImageError: the file is missing or no TIFF, its metadata are malformed, or they point to other files.
    """
    with open_tiff(file) as tiff:
        described = tiff.pages.first.description
        if "<!DOCTYPE" in described or "<!ENTITY" in described:
            raise ImageError(f"{file}: its OME metadata define entities, which none needs; write the file again")
        if not tiff.is_ome and not tiff.is_imagej:
            return Stack(
                None if len(tiff.pages) > 1 else np.zeros((1, 1, 1), dtype=np.int64), None, len(tiff.pages)
            )
        series = tiff.series[0]
        pages = _pages(file, series)
        names = _ome_names(described) if tiff.is_ome else _imagej_names(tiff, pages)
        return Stack(pages, names if names and len(names) == pages.shape[2] else None, pages.size)


def _pages(file: Path, series: tifffile.TiffPageSeries) -> NDArray[np.int64]:
    sizes = dict(zip(series.axes, series.shape, strict=True))
    further = [axis for axis, size in sizes.items() if axis not in "TZCYX" and size > 1]
    if further or any(page is None for page in series.pages):
        lying = "are not all in this file" if not further else f"have axes {series.axes}"
        raise ImageError(f"{file}: its pages {lying}; save each site as one file of channels, z planes and times")
    axes = [axis for axis in series.axes if axis in "TZC"]
    numbers = np.array([page.index for page in series.pages], dtype=np.int64)
    numbers = numbers.reshape([sizes[axis] for axis in axes])
    moved: NDArray[np.int64] = np.transpose(numbers, [axes.index(axis) for axis in "TZC" if axis in axes])
    return moved.reshape([sizes.get(axis, 1) for axis in "TZC"])


def _ome_names(description: str) -> tuple[str, ...] | None:
    channels = ElementTree.fromstring(description).findall(".//{*}Image[1]/{*}Pixels/{*}Channel")  # noqa: S314 - it has no DTD
    return _if_all(channel.get("Name") for channel in channels)


def _imagej_names(tiff: tifffile.TiffFile, pages: NDArray[np.int64]) -> tuple[str, ...] | None:
    labels: Any = (tiff.imagej_metadata or {}).get("Labels")
    return _if_all(labels) if labels and len(labels) == pages.shape[2] else None


def _if_all(names: Any) -> tuple[str, ...] | None:
    """The names, where every one is given and none twice."""
    given = tuple(names)
    return given if all(given) and len({*given}) == len(given) else None
