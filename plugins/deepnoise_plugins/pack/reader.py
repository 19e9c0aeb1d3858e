"""The reader of packs."""

from __future__ import annotations

from pathlib import Path

from deepnoise_core.contracts import Screen
from deepnoise_core.contracts.errors import ScreenError
from deepnoise_core.data.packs import MANIFEST, is_pack, open_pack
from deepnoise_plugins.pack.options import PackReaderOptions


class PackReader:
    """Opens what `deepnoise screen pack` wrote, with its statistics."""

    def __init__(self, options: PackReaderOptions) -> None:
        self.options = options

    def recognises(self, path: Path) -> bool:
        """Whether the folder's manifest says that it is a pack."""
        return is_pack(path)

    def open(self, path: Path) -> Screen:
        """The screen of a pack's folder.

        Raises:
            ScreenError: it is no pack, a file is missing, cut or changed, or it needs a newer deepnoise.
        """
        if not (path / MANIFEST).is_file():
            raise ScreenError(f"{path}: no {MANIFEST} in it; give a folder that deepnoise screen pack wrote")
        return open_pack(str(path), threads=self.options.threads)

    def recognises_url(self, url: str) -> bool:
        """Any URL: what lies behind it is seen when it is opened."""
        return True

    def open_url(self, url: str) -> Screen:
        """The screen of a pack behind a URL that tensorstore understands (`s3://`, `gs://`, `http://`, …).

        Raises:
            ScreenError: as `open`, or nothing answers.
        """
        return open_pack(url, threads=self.options.threads)
