"""PNG files to arrays.

Decoders let damaged files pass in different ways. Pillow skips the checksums of pixel data, and gives zeros
for rows that a valid stream does not hold; so chunks are checked here before Pillow sees them, and the
length of the stream is checked wherever the last row could be such zeros.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from deepnoise_core.contracts.errors import ImageError
from deepnoise_core.data.decoding.content import AGAIN, load
from deepnoise_core.data.decoding.header import MAX_PIXELS, ImageHeader, require_size


def read_png_header(path: Path, max_pixels: int = MAX_PIXELS) -> ImageHeader:
    """Size and dtype of a greyscale PNG; reads 33 bytes.

    Raises:
        ImageError: as `read_png`, for all that the header can tell.
    """
    return _header(path, load(path, _HEADER_BYTES), max_pixels)


def read_png(path: Path, max_pixels: int = MAX_PIXELS) -> NDArray[Any]:
    """Pixels of an 8- or 16-bit greyscale PNG, `uint8` or `uint16` [H, W], read-only.

    Raises:
        ImageError: the file is missing, empty, no PNG, cut, damaged (checksum), coloured, interlaced, of
            more than `max_pixels` by its header, or holds fewer rows than its header says. Names the
            file, what was found, and what to do.
    """
    limit = 2 * max_pixels + _SLACK
    content = load(path, limit + 1)
    header = _header(path, content, max_pixels)
    if len(content) > limit:
        raise ImageError(f"{path}: longer than {limit} bytes, which no site of {header} needs; {AGAIN}")
    # Pillow sees the critical chunks alone: no text, profile or animation can change or delay the pixels.
    critical = [content[: len(_SIGNATURE)]]
    stream = []
    for kind, start, stop in _chunks(path, content):
        if kind in (b"IHDR", b"IDAT", b"IEND"):
            critical.append(content[start - 8 : stop + 4])
        if kind == b"IDAT":
            stream.append(content[start:stop])
    pixels = _decode(path, b"".join(critical))
    if pixels.shape != (header.height, header.width) or pixels.dtype != header.dtype:
        raise ImageError(
            f"{path}: decoded to {pixels.dtype} {list(pixels.shape)}, but its header says {header}; {AGAIN}"
        )
    if not pixels[-1].any():
        _require_all_rows(path, header, b"".join(stream))
    return pixels


_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_HEADER_BYTES = 33  # signature, then the IHDR chunk: length, type, 13 bytes, checksum
_GREYSCALE = 0
_COLOURS = {2: "RGB", 3: "palette", 4: "greyscale with alpha", 6: "RGBA"}
_SLACK = 16 * 1024 * 1024  # bytes that a file may hold beside its largest pixels: text, profiles, overhead


def _header(path: Path, content: bytes, max_pixels: int) -> ImageHeader:
    if not content:
        raise ImageError(f"{path}: the file is empty; {AGAIN}")
    if not content.startswith(_SIGNATURE):
        if _SIGNATURE.startswith(content):
            raise ImageError(f"{path}: the file is cut after {len(content)} bytes; {AGAIN}")
        raise ImageError(f"{path}: not a PNG, it begins with {content[:16]!r}; {AGAIN}")
    if len(content) < _HEADER_BYTES:
        raise ImageError(f"{path}: the file is cut inside its header; {AGAIN}")
    length, kind = struct.unpack(">I4s", content[8:16])
    (checksum,) = struct.unpack(">I", content[29:33])
    if (length, kind) != (13, b"IHDR") or checksum != zlib.crc32(content[12:29]):
        raise ImageError(f"{path}: the PNG header is damaged; {AGAIN}")
    width, height, depth, colour, _, _, interlace = struct.unpack(">IIBBBBB", content[16:29])
    require_size(path, height, width, max_pixels)
    if colour != _GREYSCALE:
        found = _COLOURS.get(colour, f"colour type {colour}")
        raise ImageError(f"{path}: a {found} image; save each channel as its own greyscale PNG")
    if depth not in (8, 16):
        raise ImageError(f"{path}: {depth} bits a pixel; save it with 8 or 16")
    if interlace:
        raise ImageError(f"{path}: an interlaced PNG, which is not read; save it without interlacing")
    return ImageHeader(height, width, np.dtype(np.uint8 if depth == 8 else np.uint16))


def _chunks(path: Path, content: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Type, start and stop of the data of every chunk, each of whose checksums holds."""
    view = memoryview(content)
    position = len(_SIGNATURE)
    while position + 12 <= len(content):
        length, kind = struct.unpack_from(">I4s", content, position)
        start, stop = position + 8, position + 8 + length
        if stop + 4 > len(content):
            break
        if zlib.crc32(view[start - 4 : stop]) != struct.unpack_from(">I", content, stop)[0]:
            raise ImageError(
                f"{path}: damaged (wrong checksum of the {kind!r} chunk at byte {position}); {AGAIN}"
            )
        yield kind, start, stop
        if kind == b"IEND":
            return
        position = stop + 4
    raise ImageError(f"{path}: the file is cut after {len(content)} bytes, before its end mark; {AGAIN}")


def _decode(path: Path, content: bytes) -> NDArray[Any]:
    try:
        with Image.open(io.BytesIO(content), formats=("PNG",)) as image:
            return np.asarray(image)
    except (OSError, SyntaxError, ValueError, EOFError, MemoryError, Image.DecompressionBombError) as error:
        raise ImageError(f"{path}: cannot be decoded ({error}); {AGAIN}") from None


def _require_all_rows(path: Path, header: ImageHeader, stream: bytes) -> None:
    row_bytes = header.width * header.dtype.itemsize + 1
    expected = header.height * row_bytes
    try:
        found = len(zlib.decompressobj().decompress(stream, expected))
    except zlib.error as error:
        raise ImageError(f"{path}: damaged ({error}); {AGAIN}") from None
    if found < expected:
        raise ImageError(
            f"{path}: holds {found // row_bytes} rows of pixels, its header says {header.height}; {AGAIN}"
        )
