"""Where a pack lies: a folder, or a URL that tensorstore understands (`s3://`, `gs://`, `http://`, …)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tensorstore as ts

from deepnoise_core.contracts.errors import ScreenError
from deepnoise_core.data.paths import is_url

_MAX_BYTES = 4 * 1024**3


@dataclass(frozen=True)
class Location:
    """The root of a pack.

    Attributes:
        name: the folder or URL, without a slash at its end.
    """

    name: str

    @property
    def folder(self) -> Path | None:
        """The local folder; None for a URL."""
        return None if is_url(self.name) else Path(self.name)

    def kvstore(self, key: str = "") -> Any:
        """What tensorstore opens: the key-value store below a key. It takes no `..` in a path."""
        if self.folder is None:
            return f"{self.name}/{key}"
        return {"driver": "file", "path": f"{self.folder.resolve()}/{key}"}

    def read(self, key: str) -> bytes:
        """All bytes of one file.

        Raises:
            ScreenError: it is missing, cannot be read or reached, or is absurdly long.
        """
        place = f"{self.name}/{key}"
        if self.folder is not None:
            return _read_file(self.folder / key)
        try:
            # A timeout of tensorstore's own HTTP client ends what never answers.
            found = ts.KvStore.open(self.kvstore()).result().read(key).result()
        except ValueError as error:
            raise ScreenError(f"{place}: cannot be read ({str(error).splitlines()[0]}); check the URL") from None
        if found.state != "value":
            raise ScreenError(f"{place}: not found; check the URL, or copy the pack again")
        return bytes(found.value)


def _read_file(path: Path) -> bytes:
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise ScreenError(f"{path}: longer than {_MAX_BYTES} bytes, which no pack needs; copy it again")
        return path.read_bytes()
    except FileNotFoundError:
        raise ScreenError(f"{path}: not found; copy the pack again") from None
    except OSError as error:
        raise ScreenError(f"{path}: cannot be read ({error.strerror}); check its rights") from None
