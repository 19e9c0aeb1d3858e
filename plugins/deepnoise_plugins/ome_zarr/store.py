"""The store over the Zarr arrays of a screen, one array a site."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from pathlib import Path
from typing import Any

import numpy as np
import tensorstore
from numpy.typing import NDArray

from deepnoise_core.contracts.errors import ImageError
from deepnoise_plugins.ome_zarr.arrays import View
from deepnoise_plugins.ome_zarr.images import SiteImage, absent_chunks

SITES_AT_ONCE = 16
"""Sites whose chunks are read and decoded at the same time; their decoded chunks are the memory it takes."""


class ZarrSites:
    """One Zarr array a site. Building one opens no array.

    Shape and dtype of the screen are those of its first site. Chunks are looked for at every read: where
    none may be absent, an array never has the fill value in the place of a file that was lost.

    Args:
        site_ids: N names, for messages.
        images: the N sites.
        fill: whether the fill value stands for chunks that are not there.

    Raises:
        ImageError: a site is of another shape or dtype than the first.
    """

    def __init__(self, site_ids: Sequence[str], images: Sequence[SiteImage], *, fill: bool) -> None:
        self._sites = list(zip(site_ids, images, strict=True))
        self._fill = fill
        (first, image), view = self._sites[0], images[0].view
        self._shape, self._dtype = view.shape, np.dtype(view.dtype)
        for site, other in self._sites:
            found = other.view
            if (found.shape, found.dtype) != (view.shape, view.dtype):
                raise ImageError(
                    f"{other.array}: site {site} is {_kind(found)}, but the screen's first site {first} "
                    f"({image.array}) is {_kind(view)}; all sites of a screen have one size and type: "
                    "open them as two screens"
                )

    @property
    def shape(self) -> tuple[int, int, int]:
        """(C, H, W) of every site."""
        return self._shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """`uint8` or `uint16`."""
        return self._dtype

    def __len__(self) -> int:
        return len(self._sites)

    def read(self, rows: NDArray[np.int64]) -> NDArray[Any]:
        """Pixels of these rows, in this order, as one contiguous array [n, C, H, W].

        Raises:
            ImageError: an array or a chunk is missing, damaged, or not what it was when the screen was opened.
        """
        sites = [self._sites[row] for row in np.asarray(rows, dtype=np.int64)]
        pixels = np.empty((len(sites), *self._shape), dtype=self._dtype)
        for start in range(0, len(sites), SITES_AT_ONCE):
            self._read(sites[start : start + SITES_AT_ONCE], pixels[start : start + SITES_AT_ONCE])
        return pixels

    def take(self, rows: NDArray[np.int64]) -> ZarrSites:
        """The store of these rows alone, without reading a pixel; shape and dtype stay the screen's."""
        taken = copy(self)
        taken._sites = [self._sites[row] for row in np.asarray(rows, dtype=np.int64)]
        return taken

    def _read(self, sites: list[tuple[str, SiteImage]], pixels: NDArray[Any]) -> None:
        opening = [_open(image) for _, image in sites]
        copying = []
        for (site, image), opened, place in zip(sites, opening, pixels, strict=True):
            with _named(site, image):
                array = opened.result()
                if array.shape != image.view.array:
                    raise ValueError(
                        f"shape {list(array.shape)}, not {list(image.view.array)} as when it was opened"
                    )
                absent = () if self._fill else absent_chunks(image.array, image.view)
                if absent:
                    raise ValueError(f"chunk {absent[0]} is not there")
                copying.append(tensorstore.array(place, copy=False).write(array[image.view.index]))
        for (site, image), copied in zip(sites, copying, strict=True):
            with _named(site, image):
                copied.result()


def _open(image: SiteImage) -> Any:
    spec = {
        "driver": image.view.driver,
        "kvstore": {"driver": "file", "path": str(Path(image.array).resolve())},  # takes no `..`
        "dtype": image.view.dtype,
    }
    return tensorstore.open(spec, open=True, read=True)


@contextmanager
def _named(site: str, image: SiteImage) -> Iterator[None]:
    try:
        yield
    except (ValueError, NotImplementedError) as error:
        reason = str(error).partition(" [tensorstore_spec=")[0]
        raise ImageError(
            f"{image.array}: site {site} cannot be read ({reason}); copy it again from its origin, "
            "or convert it where it is only of an unknown kind"
        ) from None


def _kind(view: View) -> str:
    return f"{' x '.join(map(str, view.shape))} {view.dtype}"
