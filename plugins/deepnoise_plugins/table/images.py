"""Images: which sites have all of theirs, and the store that reads them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from deepnoise_core.contracts import DroppedSite, ImageStore
from deepnoise_core.contracts.errors import ScreenError
from deepnoise_core.data.presence import absent_images, lacking_sites
from deepnoise_core.data.stores import FileStore
from deepnoise_plugins.table.absent import AbsentImages
from deepnoise_plugins.table.files import ImageNames


@dataclass(frozen=True)
class Images:
    """The images of a table's sites.

    Attributes:
        usable: which of N sites can be used, bool [N].
        store: their pixels.
        dropped: the other sites.
    """

    usable: pl.Series
    store: ImageStore
    dropped: tuple[DroppedSite, ...] = ()


def no_images(sites: int, file: Path) -> Images:
    """All sites of a table that names no images; asking for pixels is an error that names the table."""
    message = f"{file}: was opened as a table without images, so there are no pixels to read"
    return Images(pl.repeat(value=True, n=sites, eager=True), AbsentImages(sites, message))


def find_images(names: ImageNames, site_ids: pl.Series, places: pl.Series, file: Path, *, refuse: bool) -> Images:
    """The sites that have all their images; all sites where no image of any is there.

    Args:
        names: the images of N sites.
        site_ids: the name of each site, [N].
        places: where each stands in the table, [N].
        file: the table, for messages.
        refuse: whether a site without an image is an error.

    Raises:
        ScreenError: no site has all its images although some are there; or one lacks some, and `refuse`.
    """
    sites, channels = names.files.shape
    absent = absent_images(names.files, names.root)
    if absent.height == sites * channels:
        first = names.root / (absent["name"][0] or "")
        message = (
            f"{file}: none of its images is there, the first would be {first}; put them there, or say with the "
            "options image_root and listed_root where they are"
        )
        if refuse:
            raise ScreenError(message)
        return Images(pl.repeat(value=True, n=sites, eager=True), AbsentImages(sites, message))
    lacking = lacking_sites(absent, site_ids, channels, names.root)
    if lacking and refuse:
        row, first_lacking = next(iter(lacking.items()))
        raise ScreenError(
            f"{places[row]}: site {first_lacking.site_id}: {first_lacking.reason}; {len(lacking)} sites lack "
            "images: put them back, or set missing=drop"
        )
    if len(lacking) == sites:
        raise ScreenError(
            f"{file}: none of its {sites} sites has all its images, e.g. {lacking[0].site_id}: "
            f"{lacking[0].reason}; put them there, or leave channels out with the option channels"
        )
    usable = ~pl.int_range(sites, eager=True).is_in(list(lacking))
    store = FileStore(
        names.root,
        names.files.filter(usable).to_numpy(),
        pages=None if names.pages is None else names.pages.filter(usable).to_numpy(),
        site_ids=site_ids.filter(usable).to_numpy(),
    )
    return Images(usable, store, tuple(lacking.values()))
