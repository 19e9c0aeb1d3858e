"""PNG files to arrays.

libpng finds wrong checksums and missing rows, but words them badly, takes a file whose end is cut off behind the
last row, and makes grey values into what ancillary chunks say (transparency is a second channel).
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from deepnoise_core.contracts.errors import ImageError
from deepnoise_core.data.decoding.content import AGAIN, load
from deepnoise_core.data.decoding.header import MAX_PIXELS, ImageHeader, require_size


def read_png_header(path: Path, page: int | None = None, max_pixels: int = MAX_PIXELS) -> ImageHeader:
    """Size and dtype of one page of a PNG; reads 33 bytes.

    Raises:
        ImageError: as `read_png_pages`, for all that the header can tell.
    """
    header, colours = _header(path, load(path, _HEADER_BYTES), max_pixels)
    _require_page(path, page, colours)
    return header


def read_png(path: Path, max_pixels: int = MAX_PIXELS) -> NDArray[Any]:
    """Pixels of a greyscale PNG, `uint8` or `uint16` [H, W].

    Raises:
        ImageError: as `read_png_pages`.
    """
    return next(read_png_pages(path, (None,), max_pixels))


def read_png_pages(
    path: Path, pages: Sequence[int | None], max_pixels: int = MAX_PIXELS
) -> Iterator[NDArray[Any]]:
    """Pixels of these pages of an 8- or 16-bit PNG, each `uint8` or `uint16` [H, W]; decoded once.

    Pages 0, 1 and 2 of an RGB image are its red, green and blue; a greyscale image is page 0.

    Args:
        path: a PNG file.
        pages: which pages; None is the only one of a greyscale image.
        max_pixels: largest declared size that is decoded, in pixels.

    Raises:
        ImageError: the file is missing, empty, no PNG, cut, damaged (checksum), of a palette or with
            transparency, interlaced, of more than `max_pixels` by its header, or holds fewer rows than its
            header says; or it has no such page, or three where one is meant. Names the file, what was found,
            and what to do.
    """
    limit = _LARGEST_PIXEL * max_pixels + _SLACK
    content = load(path, limit + 1)
    header, colours = _header(path, content, max_pixels)
    for page in pages:
        _require_page(path, page, colours)
    if len(content) > limit:
        raise ImageError(f"{path}: longer than {limit} bytes, which no site of {header} needs; {AGAIN}")
    pixels = _decode(path, header, colours, _critical_chunks(path, memoryview(content)))
    for page in pages:
        yield pixels if colours == 1 else np.ascontiguousarray(pixels[:, :, page])


_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_HEADER_BYTES = 33  # signature, then the IHDR chunk: length, type, 13 bytes, checksum
_GREYSCALE, _RGB = 0, 2
_CRITICAL = (b"IHDR", b"IDAT", b"IEND")  # the only chunks that may change the pixels
_REFUSED = {3: "palette", 4: "greyscale with alpha", 6: "RGBA"}
_LARGEST_PIXEL = 6  # bytes: three colours of 16 bits
_SLACK = 16 * 1024 * 1024  # bytes that a file may hold beside its largest pixels: text, profiles, overhead


def _header(path: Path, content: bytes, max_pixels: int) -> tuple[ImageHeader, int]:
    """What the first chunk says, and how many colours a pixel has."""
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
    if colour not in (_GREYSCALE, _RGB):
        found = _REFUSED.get(colour, f"colour type {colour}")
        raise ImageError(f"{path}: a {found} image; save each channel as its own greyscale PNG")
    if depth not in (8, 16):
        raise ImageError(f"{path}: {depth} bits a pixel; save it with 8 or 16")
    if interlace:
        raise ImageError(f"{path}: an interlaced PNG, which is not read; save it without interlacing")
    return ImageHeader(height, width, np.dtype(np.uint8 if depth == 8 else np.uint16)), 3 if colour == _RGB else 1


def _require_page(path: Path, page: int | None, colours: int) -> None:
    if page is None and colours > 1:
        raise ImageError(f"{path}: an RGB image; save each channel as its own greyscale PNG")
    if page is not None and not 0 <= page < colours:
        kind = "a greyscale PNG has page 0 alone" if colours == 1 else "an RGB PNG has pages 0, 1 and 2"
        raise ImageError(f"{path}: page {page} is asked for, and {kind}; mend the metadata")


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


def _decode(path: Path, header: ImageHeader, colours: int, content: bytes) -> NDArray[Any]:
    try:
        pixels: NDArray[Any] = imagecodecs.png_decode(content)
    except (imagecodecs.PngError, ValueError, MemoryError) as error:
        # What libpng says of a chunk lies in memory that is freed by now; it may be no text any more.
        reason = "chunks" if isinstance(error, UnicodeDecodeError) else error
        raise ImageError(f"{path}: cannot be decoded as {header} ({reason}); {AGAIN}") from None
    expected = (header.height, header.width, colours)[: 2 if colours == 1 else 3]
    if pixels.shape != expected or pixels.dtype != header.dtype:
        raise ImageError(
            f"{path}: decoded to {pixels.dtype} {list(pixels.shape)}, but its header says {header}; {AGAIN}"
        )
    return pixels
