"""Image stores over arrays in memory and over folders of image files."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from copy import copy
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from deepnoise_core.contracts.errors import ImageError
from deepnoise_core.data.decoding import MAX_PIXELS, ImageHeader, read_header, read_planes


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


class FileStore:
    """Planes in PNG and TIFF files: one file a site and channel, or pages of files that hold several.

    Building one opens no file. Shape and dtype of the screen are those of its first plane; every other must
    agree with it.

    Args:
        root: folder that relative file names start from.
        files: names relative to `root`, or absolute, strings [N, C].
        pages: page of each plane in its file, from 0, integers [N, C]; where None, every file must hold one
            plane alone.
        site_ids: names of the sites for messages, [N].
        threads: files decoded at once; up to four, as the machine has cores, where None.
        max_pixels: largest declared size that is decoded, in pixels.

    Raises:
        ImageError: `files` is not a table [N, C] with at least one site and channel, or `pages` or `site_ids`
            does not go with it.
    """

    def __init__(
        self,
        root: Path,
        files: ArrayLike,
        *,
        pages: ArrayLike | None = None,
        site_ids: ArrayLike | None = None,
        threads: int | None = None,
        max_pixels: int = MAX_PIXELS,
    ) -> None:
        # Variable-width strings are compact at a million names and, unlike objects, shared by forked workers.
        self._files = np.asarray(files, dtype=np.dtypes.StringDType())
        if self._files.ndim != 2 or self._files.size == 0:
            raise ImageError(
                f"{root}: no image files are listed (found a table of shape {list(self._files.shape)}, "
                "needed [sites, channels]); check the folder and its metadata"
            )
        self._pages = None if pages is None else np.asarray(pages, dtype=np.int32)
        self._site_ids = None if site_ids is None else np.asarray(site_ids, dtype=np.dtypes.StringDType())
        for name, given, shape in (
            ("pages", self._pages, self._files.shape),
            ("site ids", self._site_ids, self._files.shape[:1]),
        ):
            if given is not None and given.shape != shape:
                raise ImageError(f"{root}: {name} are {list(given.shape)}, and files need {list(shape)}")
        self._root = root
        self._threads = threads or min(4, os.cpu_count() or 1)
        self._max_pixels = max_pixels
        self._first = self.file(0, 0), self._page(0, 0)
        self._header: ImageHeader | None = None

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

    def file(self, row: int, channel: int) -> Path:
        """Where one channel of one site lies."""
        return self._root / str(self._files[row, channel])

    def read_plane(self, row: int, channel: int) -> NDArray[Any]:
        """Pixels of one channel of one site, [H, W], of whatever size and dtype its file holds.

        Raises:
            ImageError: the file is missing or damaged.
        """
        with self._naming_site(row):
            return next(read_planes(self.file(row, channel), [self._page(row, channel)], self._max_pixels))

    def read(self, rows: NDArray[np.int64]) -> NDArray[Any]:
        """Pixels of these rows, in this order, as one contiguous array [n, C, H, W].

        Raises:
            ImageError: a file is missing or damaged, or of another size or dtype than the screen's first;
                names the file and its site.
        """
        index = np.asarray(rows, dtype=np.int64)
        pixels = np.empty((len(index), *self.shape), dtype=self.dtype)
        planes = [(pixels[i, c], int(row), c) for i, row in enumerate(index) for c in range(pixels.shape[1])]
        # A file that holds several channels of a site is opened once for all of them.
        files = [list(run) for _, run in groupby(planes, key=lambda plane: str(self._files[plane[1:]]))]
        threads = min(self._threads, len(files))
        if threads < 2:
            self._fill(files)
        else:
            # One share a thread: handing files over one by one costs a tenth of the second core.
            with ThreadPoolExecutor(threads) as pool:
                list(pool.map(self._fill, (files[part::threads] for part in range(threads))))
        return pixels

    def take(self, rows: NDArray[np.int64]) -> FileStore:
        """The store of these rows alone, without reading a pixel.

        Shape and dtype stay the screen's where they were asked for before; else the first of these rows tells.
        """
        index = np.asarray(rows, dtype=np.int64)
        taken = copy(self)
        taken._files = self._files[index]
        taken._pages = None if self._pages is None else self._pages[index]
        taken._site_ids = None if self._site_ids is None else self._site_ids[index]
        if self._header is None and len(index):
            # The screen's first plane may be the very one that was left out for its damage.
            taken._first = taken.file(0, 0), taken._page(0, 0)
        return taken

    def _screen_header(self) -> ImageHeader:
        if self._header is None:
            self._header = read_header(*self._first, self._max_pixels)
        return self._header

    def _page(self, row: int, channel: int) -> int | None:
        return None if self._pages is None else int(self._pages[row, channel])

    def _fill(self, files: Iterable[Sequence[tuple[NDArray[Any], int, int]]]) -> None:
        for planes in files:
            self._fill_from_file(planes)

    def _fill_from_file(self, planes: Sequence[tuple[NDArray[Any], int, int]]) -> None:
        """Decode planes of one file into their places; each is (place, row, channel)."""
        _, row, channel = planes[0]
        path = self.file(row, channel)
        pages = [self._page(row, channel) for _, row, channel in planes]
        with self._naming_site(row):
            for (place, *_), image in zip(planes, read_planes(path, pages, self._max_pixels), strict=True):
                self._require_alike(path, image)
                place[:] = image

    @contextmanager
    def _naming_site(self, row: int) -> Iterator[None]:
        try:
            yield
        except ImageError as error:
            if self._site_ids is None:
                raise
            raise ImageError(f"{error} (site {self._site_ids[row]})") from None

    def _require_alike(self, path: Path, image: NDArray[Any]) -> None:
        expected = self._screen_header()
        found = ImageHeader(image.shape[0], image.shape[1], image.dtype)
        if found != expected:
            raise ImageError(
                f"{path}: {found}, but the screen's first image {self._first[0]} is {expected}; "
                "all images of a screen have one size and type: mend the file, or open them as two screens"
            )
