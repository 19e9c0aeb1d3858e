"""Image stores over arrays in memory and over folders of PNG files."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from deepnoise_core.contracts.errors import ImageError
from deepnoise_core.data.decoding import MAX_PIXELS, ImageHeader, read_png, read_png_header


class ArrayStore:
    """The pixels of an array [N, C, H, W], `uint8` or `uint16`, in memory or memory-mapped.

    `take` shares the array.

    Raises:
        ImageError: the array has another number of axes or another dtype.
    """

    def __init__(self, pixels: NDArray[Any]) -> None:
        if pixels.ndim != 4 or pixels.dtype not in (np.uint8, np.uint16):
            raise ImageError(
                f"pixels are {pixels.dtype} {list(pixels.shape)}; give uint8 or uint16 [sites, C, H, W]"
            )
        self._pixels = pixels
        self._rows: NDArray[np.int64] | None = None

    @property
    def shape(self) -> tuple[int, int, int]:
        """(C, H, W) of every site."""
        _, channels, height, width = self._pixels.shape
        return channels, height, width

    @property
    def dtype(self) -> np.dtype[Any]:
        """`uint8` or `uint16`."""
        return self._pixels.dtype

    def __len__(self) -> int:
        return len(self._pixels) if self._rows is None else len(self._rows)

    def read(self, rows: NDArray[np.int64]) -> NDArray[Any]:
        """Pixels of these rows, in this order, as one contiguous array [n, C, H, W]; always a copy."""
        return np.ascontiguousarray(self._pixels[self._resolve(rows)])

    def take(self, rows: NDArray[np.int64]) -> ArrayStore:
        """The store of these rows alone, without reading a pixel."""
        taken = ArrayStore(self._pixels)
        taken._rows = self._resolve(rows)
        return taken

    def _resolve(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        index = np.array(rows, dtype=np.int64)
        return index if self._rows is None else self._rows[index]


class PngStore:
    """One greyscale PNG a site and channel. Building one opens no file.

    Shape and dtype of the screen are those of its first file; any other file must agree with it.

    Args:
        root: folder that the file names start from.
        files: names relative to `root`, strings [N, C].
        threads: files decoded at once; up to four, as the machine has cores, where None.
        max_pixels: largest declared size that is decoded, in pixels.

    Raises:
        ImageError: `files` is not a table [N, C] with at least one site and channel.
    """

    def __init__(
        self, root: Path, files: ArrayLike, *, threads: int | None = None, max_pixels: int = MAX_PIXELS
    ) -> None:
        # Variable-width strings are compact at a million names and, unlike objects, shared by forked workers.
        self._files = np.asarray(files, dtype=np.dtypes.StringDType())
        if self._files.ndim != 2 or self._files.size == 0:
            raise ImageError(
                f"{root}: no image files are listed (found a table of shape {list(self._files.shape)}, "
                "needed [sites, channels]); check the folder and its metadata"
            )
        self._root = root
        self._first = root / str(self._files[0, 0])
        self._header: ImageHeader | None = None
        self._threads = threads or min(4, os.cpu_count() or 1)
        self._max_pixels = max_pixels

    @property
    def shape(self) -> tuple[int, int, int]:
        """(C, H, W) of every site; reads the header of the first file, once.

        Raises:
            ImageError: the first file is missing or damaged.
        """
        header = self._screen_header()
        return self._files.shape[1], header.height, header.width

    @property
    def dtype(self) -> np.dtype[Any]:
        """`uint8` or `uint16`; reads the header of the first file, once.

        Raises:
            ImageError: the first file is missing or damaged.
        """
        return self._screen_header().dtype

    def __len__(self) -> int:
        return len(self._files)

    def read(self, rows: NDArray[np.int64]) -> NDArray[Any]:
        """Pixels of these rows, in this order, as one contiguous array [n, C, H, W].

        Raises:
            ImageError: a file is missing or damaged, or of another size or dtype than the screen's first.
        """
        names = self._files[np.asarray(rows, dtype=np.int64)]
        pixels = np.empty((len(names), *self.shape), dtype=self.dtype)
        flat = pixels.reshape(-1, *pixels.shape[2:])
        fill = partial(self._fill, flat, names.ravel())
        if self._threads == 1 or len(flat) < 2:
            for place in range(len(flat)):
                fill(place)
        else:
            with ThreadPoolExecutor(self._threads) as pool:
                for _ in pool.map(fill, range(len(flat))):
                    pass
        return pixels

    def take(self, rows: NDArray[np.int64]) -> PngStore:
        """The store of these rows alone, without reading a pixel; shape and dtype stay the screen's."""
        taken = PngStore.__new__(PngStore)
        taken.__dict__.update(self.__dict__)
        taken._files = self._files[np.asarray(rows, dtype=np.int64)]
        return taken

    def _screen_header(self) -> ImageHeader:
        if self._header is None:
            self._header = read_png_header(self._first, self._max_pixels)
        return self._header

    def _fill(self, flat: NDArray[Any], names: NDArray[Any], place: int) -> None:
        path = self._root / str(names[place])
        image = read_png(path, self._max_pixels)
        expected = self._screen_header()
        if image.shape != (expected.height, expected.width) or image.dtype != expected.dtype:
            found = ImageHeader(image.shape[0], image.shape[1], image.dtype)
            raise ImageError(
                f"{path}: {found}, but the screen's first image {self._first} is {expected}; "
                "all images of a screen have one size and type: mend the file, or open them as two screens"
            )
        flat[place] = image
