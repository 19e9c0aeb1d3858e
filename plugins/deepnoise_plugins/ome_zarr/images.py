"""One image group: where its array lies, which part of it is the site, and what its channels are called."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from deepnoise_core.contracts.errors import ScreenError
from deepnoise_core.data.names import some_of
from deepnoise_plugins.ome_zarr.arrays import View, read_header, site_view
from deepnoise_plugins.ome_zarr.metadata import ImageSection, ZarrFormat, parse, read_group
from deepnoise_plugins.ome_zarr.options import OmeZarrOptions


@dataclass(frozen=True)
class SiteImage:
    """The pixels of a site.

    Attributes:
        array: folder of the Zarr array.
        view: the part of it that is the site.
        channels: names of its channels.
    """

    array: str
    view: View
    channels: tuple[str, ...]


def read_image(folder: Path, zarr_format: ZarrFormat, options: OmeZarrOptions) -> SiteImage | str:
    """The site in an image group, or why it is not there.

    Raises:
        ScreenError: metadata are malformed, or the array is none that can be read.
    """
    group = read_group(folder, zarr_format)
    if group is None:
        return f"no image at {folder}"
    image = parse(ImageSection, group.ome, group.file)
    multiscale = image.multiscales[0]
    if options.level >= len(multiscale.datasets):
        raise ScreenError(
            f"{group.file}: levels of the pyramid are numbered 0 to {len(multiscale.datasets) - 1}; "
            f"level={options.level} is none of them"
        )
    array = folder / multiscale.datasets[options.level].path
    header = read_header(array, zarr_format)
    if header is None:
        return f"no array at {array}"
    try:
        view = site_view(header, tuple(axis.name for axis in multiscale.axes), options.z, options.t)
    except ScreenError as error:
        raise ScreenError(f"{array}: {error}") from None
    labels = [channel.label for channel in image.omero.channels] or [None] * view.shape[0]
    names = tuple(label or f"c{number}" for number, label in enumerate(labels))
    if len(set(names)) != view.shape[0] or len(names) != view.shape[0]:
        raise ScreenError(
            f"{group.file}: omero.channels are {some_of(names, most=20)}, and the image has {view.shape[0]}; "
            "give each channel one label of its own"
        )
    if options.absent_chunks == "missing" and (absent := absent_chunks(str(array), view)):
        return (
            f"{len(absent)} of {len(view.chunks)} chunks missing in {array}: {some_of(absent, most=3)}; "
            "the copy is incomplete or, where black chunks were left out, absent_chunks=fill reads them"
        )
    return SiteImage(str(array), view, names)


def absent_chunks(array: str, view: View) -> list[str]:
    """File names of the site's chunks that are not there.

    By the Zarr specification the fill value stands for them; on a disk, they are most often lost.
    """
    return [name for name in view.chunks if not os.path.isfile(f"{array}/{name}")]  # noqa: PTH113
