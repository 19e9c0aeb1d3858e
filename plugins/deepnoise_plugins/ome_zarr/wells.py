"""The sites of a well: which it lists, which are there, and what is said of their treatment."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from deepnoise_core.contracts import DroppedSite
from deepnoise_core.contracts.errors import ScreenError
from deepnoise_plugins.ome_zarr.images import SiteImage, read_image
from deepnoise_plugins.ome_zarr.metadata import ListedImage, Treatment, WellSection, parse, read_group
from deepnoise_plugins.ome_zarr.options import OmeZarrOptions
from deepnoise_plugins.ome_zarr.plates import Plate


@dataclass(frozen=True)
class ListedSite:
    """A site that is there.

    Attributes:
        fields: its row of the table of sites.
        place: its image group, for messages.
        image: its pixels.
    """

    fields: Mapping[str, Any]
    place: str
    image: SiteImage


def read_sites(plate: Plate, well: str, options: OmeZarrOptions) -> list[ListedSite | DroppedSite]:
    """The sites that a well lists, in its order; those that are not there, or not wanted, with the reason.

    A site has the number that its image's path is; where a path of the well is no number, all have their
    place in the well, from 0. What the well says of its treatment comes before what the plate says.

    Args:
        plate: the plate.
        well: name of one of its wells.
        options: which acquisitions, and which part of every image.

    Raises:
        ScreenError: metadata are malformed; an image is none that can be read; or, with `missing="error"`,
            the well or an image is not there.
    """
    folder = plate.folder / plate.wells[well]
    group = read_group(folder, plate.group.zarr_format)
    well_id = f"{plate.experiment}_{plate.name}_{well}"
    if group is None:
        return [missing(well_id, f"no well at {folder}", options)]
    images = parse(WellSection, group.ome.get("well"), group.file, "well").images
    if not images:
        return [missing(well_id, f"{group.file} lists no image", options)]
    known = {
        **parse(Treatment, plate.group.attributes, plate.group.file).model_dump(exclude_none=True),
        **parse(Treatment, group.attributes, group.file).model_dump(exclude_none=True),
        "experiment": plate.experiment,
        "plate": plate.name,
        "well": well,
    }
    found: list[ListedSite | DroppedSite] = []
    for site, listed in _numbered(images):
        site_id = f"{well_id}_{site}"
        if options.acquisitions is not None and listed.acquisition not in options.acquisitions:
            reason = f"acquisition {listed.acquisition} is not among acquisitions={options.acquisitions}"
            found.append(DroppedSite(site_id, reason))
            continue
        image = read_image(folder / listed.path, plate.group.zarr_format, options)
        if isinstance(image, str):
            found.append(missing(site_id, image, options))
            continue
        fields = {**known, "site": site, "acquisition": listed.acquisition}
        found.append(ListedSite(fields, str(folder / listed.path), image))
    return found


def missing(name: str, reason: str, options: OmeZarrOptions) -> DroppedSite:
    """What is listed and not there, left out with its reason.

    Raises:
        ScreenError: the options refuse it.
    """
    if options.missing == "error":
        raise ScreenError(f"{name}: {reason}; put it back, or set missing=drop")
    return DroppedSite(name, reason)


_NUMBER = re.compile("[0-9]{1,9}")


def _numbered(images: tuple[ListedImage, ...]) -> Iterable[tuple[int, ListedImage]]:
    if all(_NUMBER.fullmatch(image.path) for image in images):
        return [(int(image.path), image) for image in images]
    return enumerate(images)
