"""The store of a screen none of whose images is there, so that its metadata can be looked at."""

from __future__ import annotations

from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from deepnoise_core.contracts.errors import ImageError


class AbsentImages:
    """Counts sites, and says where their images were looked for when one asks for pixels.

    Args:
        sites: how many there are.
        message: what to say.
    """

    def __init__(self, sites: int, message: str) -> None:
        self._sites = sites
        self._message = message

    @property
    def shape(self) -> tuple[int, int, int]:
        """Not known; raises an `ImageError`."""
        return self._refuse()

    @property
    def dtype(self) -> np.dtype[Any]:
        """Not known; raises an `ImageError`."""
        return self._refuse()

    def __len__(self) -> int:
        return self._sites

    def read(self, rows: NDArray[np.int64]) -> NDArray[Any]:
        """Raises an `ImageError`."""
        return self._refuse()

    def take(self, rows: NDArray[np.int64]) -> AbsentImages:
        """The store of these rows alone."""
        return AbsentImages(len(rows), self._message)

    def _refuse(self) -> NoReturn:
        raise ImageError(self._message)
