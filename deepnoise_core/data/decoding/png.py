"""PNG files to arrays.

libpng finds wrong checksums and missing rows, but words them badly, takes a file whose end is cut off behind the
last row, and makes grey values into what ancillary chunks say (transparency is a second channel).
"""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
from numpy.typing import NDArray

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
    """Pixels of an 8- or 16-bit greyscale PNG, `uint8` or `uint16` [H, W].

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
    return _decode(path, header, _critical_chunks(path, memoryview(content)))


_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_HEADER_BYTES = 33  # signature, then the IHDR chunk: length, type, 13 bytes, checksum
_GREYSCALE = 0
_CRITICAL = (b"IHDR", b"IDAT", b"IEND")  # the only chunks that may change the pixels
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


def _critical_chunks(path: Path, content: memoryview) -> bytes:
    """The file without its ancillary chunks; the checksums of the others hold."""
    position = len(_SIGNATURE)
    kept = [content[:position]]
    while position + 12 <= len(content):
        length, kind = struct.unpack_from(">I4s", content, position)
        stop = position + 12 + length
        if stop > len(content):
            break
        if kind in _CRITICAL:
            if zlib.crc32(content[position + 4 : stop - 4]) != struct.unpack_from(">I", content, stop - 4)[0]:
                raise ImageError(
                    f"{path}: damaged (wrong checksum of the {kind!r} chunk at byte {position}); {AGAIN}"
                )
            kept.append(content[position:stop])
        if kind == b"IEND":
            return b"".join(kept)
        position = stop
    raise ImageError(f"{path}: the file is cut after {len(content)} bytes, before its end mark; {AGAIN}")


def _decode(path: Path, header: ImageHeader, content: bytes) -> NDArray[Any]:
    try:
        pixels: NDArray[Any] = imagecodecs.png_decode(content)
    except (imagecodecs.PngError, ValueError, MemoryError) as error:
        # What libpng says of a chunk lies in memory that is freed by now; it may be no text any more.
        reason = "chunks" if isinstance(error, UnicodeDecodeError) else error
        raise ImageError(f"{path}: cannot be decoded as {header} ({reason}); {AGAIN}") from None
    if pixels.shape != (header.height, header.width) or pixels.dtype != header.dtype:
        raise ImageError(
            f"{path}: decoded to {pixels.dtype} {list(pixels.shape)}, but its header says {header}; {AGAIN}"
        )
    return pixels
