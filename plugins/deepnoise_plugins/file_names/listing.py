"""Image files below a folder, by name; none is opened."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from deepnoise_core.contracts.errors import ScreenError
from deepnoise_core.data.decoding import SUFFIXES

METADATA = re.compile(
    r".+\.(?:csv|tsv|csv\.gz|tsv\.gz|parquet|zarr)|zarr\.json|\.z(?:group|attrs|array)", re.IGNORECASE
)
"""Names of files and folders that tell another reader what a folder holds."""


def image_files(root: Path) -> Iterator[str]:
    """Paths below `root` of all PNG and TIFF files, with forward slashes, folder by folder in order.

    Hidden files and the small previews that ImageXpress puts beside its images (`..._thumb...`) are no images.

    Raises:
        ScreenError: a folder cannot be listed, or folders lie deeper than any microscope puts them.
    """
    yield from _below(root, "", _DEEPEST)


def holds_metadata(folder: Path) -> bool:
    """Whether a table or Zarr metadata lie directly in a folder."""
    return any(METADATA.fullmatch(name) for name in os.listdir(folder))  # noqa: PTH208 - names alone are needed


_DEEPEST = 8
_PREVIEW = "_thumb"


def _below(root: Path, folder: str, deeper: int) -> Iterator[str]:
    try:
        with os.scandir(root / folder) as entries:
            found = sorted((entry.name, entry.is_dir()) for entry in entries if not entry.name.startswith("."))
    except OSError as error:
        raise ScreenError(f"{root / folder}: cannot be listed ({error.strerror}); check its rights") from None
    for name, is_folder in found:
        if is_folder and not deeper:
            raise ScreenError(
                f"{root / folder / name}: folders lie too deep, or in a circle; open one plate's folder"
            )
        if is_folder:
            yield from _below(root, f"{folder}{name}/", deeper - 1)
        elif name.lower().endswith(SUFFIXES) and _PREVIEW not in name.lower():
            yield folder + name
