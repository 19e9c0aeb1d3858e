"""Strips and tiles of a TIFF page to pixels; each must hold exactly what the page says.

tifffile would fill with zeros what a damaged file lacks, so segments are measured and decoded here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from deepnoise_core.contracts.errors import ImageError
from deepnoise_core.data.decoding.content import AGAIN
from deepnoise_core.data.decoding.layout import Layout

if TYPE_CHECKING:
    import tifffile


def decode(path: Path, file: tifffile.TiffFile, layout: Layout) -> NDArray[Any]:
    """All pixels of a page [H, W], in native byte order.

    Raises:
        ImageError: the page is compressed in a way that is not read, or a segment is damaged or holds fewer or
            more pixels than it should.
    """
    decompress = _decompressor(path, layout)
    (rows, columns), (down, across) = layout.segment, layout.grid
    padded = np.empty((down * rows, across * columns), dtype=layout.dtype.newbyteorder("="))
    for index, (offset, count) in enumerate(layout.extents.tolist()):
        top, left = index // across * rows, index % across * columns
        place = padded[top : top + rows, left : left + columns]
        needed = rows if layout.tiled else min(rows, layout.height - top)
        file.filehandle.seek(offset)
        if count > 2 * place.nbytes + _SLACK:
            raise ImageError(f"{path}: {count} bytes for {rows} x {columns} pixels are too many; {AGAIN}")
        stored = bytearray(count)
        file.filehandle.readinto(stored)
        try:
            content = decompress(stored, out=place.nbytes + 1)
        except (RuntimeError, ValueError) as error:
            raise ImageError(f"{path}: strip or tile {index} cannot be decoded ({error}); {AGAIN}") from None
        if len(content) not in (needed * columns * layout.dtype.itemsize, place.nbytes):
            raise ImageError(
                f"{path}: strip or tile {index} holds {len(content)} bytes of pixels and needs {place.nbytes}; "
                f"{AGAIN}"
            )
        pixels = np.frombuffer(content, dtype=layout.dtype).reshape(-1, columns)
        place[: len(pixels)] = pixels
    if layout.predictor == _DIFFERENCES:
        for left in range(0, across * columns, columns):
            place = padded[:, left : left + columns]
            place[:] = imagecodecs.delta_decode(place, axis=1)
    return padded[: layout.height, : layout.width]


_SLACK = 64 * 1024  # bytes that a compressed segment may hold beside its pixels
_PREDICTORS = (1, 2)
_DIFFERENCES = 2


Decompress = Callable[..., bytes | bytearray]

# Each takes a segment and, as `out`, the most bytes that are decoded, so that none is a bomb.
_DECOMPRESSORS: Mapping[int, Decompress] = {
    1: lambda content, *, out: content,
    5: imagecodecs.lzw_decode,
    8: imagecodecs.deflate_decode,
    32946: imagecodecs.deflate_decode,
    32773: imagecodecs.packbits_decode,
    50000: imagecodecs.zstd_decode,
}


def _decompressor(path: Path, layout: Layout) -> Decompress:
    if layout.compression not in _DECOMPRESSORS or layout.predictor not in _PREDICTORS:
        raise ImageError(
            f"{path}: compressed by scheme {layout.compression} with predictor {layout.predictor}, which is not "
            "read; save it plain or with LZW or deflate"
        )
    return _DECOMPRESSORS[layout.compression]
