"""The bytes of an image file, up to a bound; what the system refuses becomes a clear message."""

from __future__ import annotations

import os
from io import BufferedReader
from pathlib import Path

from deepnoise_core.contracts.errors import ImageError

AGAIN = "copy the file again from its origin"
"""What to do about a file that was damaged or cut on its way."""


def open_file(path: Path) -> BufferedReader:
    """A file opened for reading.

    Raises:
        ImageError: the file or its folder is missing, it cannot be read, or it has no possible name.
    """
    try:
        return path.open("rb")
    except FileNotFoundError:
        raise ImageError(_not_found(path)) from None
    except OSError as error:
        raise unreadable(path, error) from None
    except ValueError:
        raise ImageError(f"{str(path)!r}: not a possible file name; mend the metadata that name it") from None


def load(path: Path, limit: int) -> bytes:
    """The first `limit` bytes of a file.

    Raises:
        ImageError: as `open_file`, or the disk fails.
    """
    with open_file(path) as file:
        try:
            # Asking for the limit itself would allocate it: most of the cost of a small file.
            return file.read(min(limit, os.fstat(file.fileno()).st_size))
        except OSError as error:
            raise unreadable(path, error) from None


def unreadable(path: Path, error: OSError) -> ImageError:
    """The error to raise where the system refuses to read."""
    return ImageError(f"{path}: cannot be read ({error.strerror}); check the file and its rights")


def _not_found(path: Path) -> str:
    absent = [folder for folder in path.parents if not folder.exists()]
    if absent:
        return (
            f"{path}: images folder {absent[-1]} not found; "
            "put the images there (without them only the metadata can be used)"
        )
    return f"{path}: image file not found; put it back, or open the screen again so that its site is dropped"
