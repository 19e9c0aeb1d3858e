"""Damaged PNGs are named errors; an array that comes back is the right one."""

import io
import re
import struct
import zlib
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from deepnoise_core.contracts.errors import ImageError
from deepnoise_core.data.decoding import (
    ImageHeader,
    read_header,
    read_plane,
    read_planes,
    read_png,
    read_png_header,
)

SIGNATURE = b"\x89PNG\r\n\x1a\n"


def site(seed: int = 0, size: int = 64, dtype: type = np.uint8) -> NDArray[Any]:
    """Noise without a zero, so that rows filled in with zeros show."""
    return np.random.default_rng(seed).integers(1, np.iinfo(dtype).max, (size, size), dtype=dtype)


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def ihdr(height: int, width: int, depth: int = 8, colour: int = 0, interlace: int = 0) -> bytes:
    return chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlace))


def rows(pixels: NDArray[Any]) -> bytes:
    big_endian = pixels.astype(pixels.dtype.newbyteorder(">"))
    return b"".join(b"\0" + row.tobytes() for row in big_endian)


def png(pixels: NDArray[Any], *further: bytes, idats: int = 1) -> bytes:
    stream = zlib.compress(rows(pixels))
    bounds = np.linspace(0, len(stream), idats + 1).astype(int)
    parts = [chunk(b"IDAT", stream[a:b]) for a, b in pairwise(bounds)]
    head = ihdr(len(pixels), len(pixels[0]), depth=8 * pixels.dtype.itemsize)
    return SIGNATURE + head + b"".join(further) + b"".join(parts) + chunk(b"IEND", b"")


def saved(image: Image.Image) -> bytes:
    stream = io.BytesIO()
    image.save(stream, "PNG")
    return stream.getvalue()


def short_stream(pixels: NDArray[Any], kept: int) -> bytes:
    stream = zlib.compress(rows(pixels[:kept]))
    return SIGNATURE + ihdr(*pixels.shape) + chunk(b"IDAT", stream) + chunk(b"IEND", b"")


def bad_idat_checksum(content: bytes) -> bytes:
    start = content.index(b"IDAT")
    (length,) = struct.unpack(">I", content[start - 4 : start])
    last = start + 4 + length + 3
    return content[:last] + bytes([content[last] ^ 1]) + content[last + 1 :]


GOOD = png(site())

FAULTS: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "the file is empty"),
    "cut in the signature": (GOOD[:5], "cut after 5 bytes"),
    "cut in the header": (GOOD[:20], "cut inside its header"),
    "header alone": (GOOD[:33], "cut after 33 bytes"),
    "cut to 70 percent": (GOOD[: len(GOOD) * 7 // 10], "the file is cut after"),
    "no end mark": (GOOD[:-12], "before its end mark"),
    "HTML": (b"<!DOCTYPE html><html></html>", "not a PNG, it begins with b'<!DOCTYPE html>"),
    "header checksum": (GOOD[:30] + b"\0\0\0" + GOOD[33:], "header is damaged"),
    "pixel checksum": (bad_idat_checksum(GOOD), "wrong checksum of the b'IDAT' chunk at byte 33"),
    "RGB": (saved(Image.new("RGB", (8, 8))), "an RGB image; save each channel"),
    "RGBA": (saved(Image.new("RGBA", (8, 8))), "a RGBA image"),
    "palette": (saved(Image.new("P", (8, 8))), "a palette image"),
    "grey with alpha": (saved(Image.new("LA", (8, 8))), "a greyscale with alpha image"),
    "one bit": (saved(Image.new("1", (8, 8))), "1 bits a pixel"),
    "interlaced": (SIGNATURE + ihdr(8, 8, interlace=1) + GOOD[33:], "interlaced"),
    "bomb": (SIGNATURE + ihdr(60_000, 60_000) + GOOD[33:], "60000 x 60000 pixels, and at most"),
    "largest bomb": (SIGNATURE + ihdr(2**31 - 1, 2**31 - 1) + GOOD[33:], "2147483647 x 2147483647 pixels"),
    "no pixel": (SIGNATURE + ihdr(0, 8) + GOOD[33:], "0 x 8 pixels"),
    "header taller than pixels": (SIGNATURE + ihdr(65, 64) + GOOD[33:], "cannot be decoded as 65 x 64 uint8"),
    "rows missing in a valid stream": (
        short_stream(site(), 40),
        "cannot be decoded as 64 x 64 uint8",
    ),
    "no pixel data": (SIGNATURE + ihdr(8, 8) + chunk(b"IEND", b""), "cannot be decoded"),
    "stream is no zlib": (
        SIGNATURE + ihdr(8, 8) + chunk(b"IDAT", b"garbage") + chunk(b"IEND", b""),
        "cannot be decoded",
    ),
    "unknown filter": (
        SIGNATURE + ihdr(1, 2) + chunk(b"IDAT", zlib.compress(b"\x09ab")) + chunk(b"IEND", b""),
        "cannot be decoded",
    ),
}


@pytest.fixture
def write(tmp_path: Path) -> Callable[[bytes], Path]:
    def save(content: bytes) -> Path:
        path = tmp_path / "B02_s1_w1.png"
        path.write_bytes(content)
        return path

    return save


@pytest.mark.parametrize("fault", FAULTS)
def test_damaged_file_is_named(fault: str, write: Callable[[bytes], Path]) -> None:
    content, found = FAULTS[fault]
    path = write(content)
    with pytest.raises(ImageError, match=re.escape(found)) as error:
        read_png(path)
    assert str(error.value).startswith(f"{path}: ")
    assert error.value.__suppress_context__ or error.value.__context__ is None


def test_libpng_alone_lets_faults_pass() -> None:
    # The reasons why read_png walks the chunks; were this to fail, it could stop.
    np.testing.assert_array_equal(imagecodecs.png_decode(GOOD[:-12]), site())
    transparent = png(site(), chunk(b"tRNS", b"\0\5"))
    assert imagecodecs.png_decode(transparent).shape == (64, 64, 2)


@pytest.mark.parametrize("tail", [1, 4, 6])
def test_checksums_hold_behind_the_last_row(tail: int, write: Callable[[bytes], Path]) -> None:
    stream = zlib.compress(rows(site()))
    last = chunk(b"IDAT", stream[-tail:])
    parts = chunk(b"IDAT", stream[:-tail]) + last[:-1] + bytes([last[-1] ^ 1]) + chunk(b"IEND", b"")
    with pytest.raises(ImageError, match="wrong checksum of the b'IDAT' chunk"):
        read_png(write(SIGNATURE + ihdr(64, 64) + parts))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("idats", [1, 5])
def test_pixels_are_exact(dtype: type, idats: int, write: Callable[[bytes], Path]) -> None:
    pixels = site(dtype=dtype)
    read = read_png(write(png(pixels, idats=idats)))
    assert read.dtype == dtype
    np.testing.assert_array_equal(read, pixels)


def test_dark_last_rows_are_no_fault(write: Callable[[bytes], Path]) -> None:
    pixels = site()
    pixels[30:] = 0
    np.testing.assert_array_equal(read_png(write(png(pixels))), pixels)


def test_transparency_does_not_matter(write: Callable[[bytes], Path]) -> None:
    np.testing.assert_array_equal(read_png(write(png(site(), chunk(b"tRNS", b"\0\5")))), site())


def test_text_chunks_do_not_matter(write: Callable[[bytes], Path]) -> None:
    bomb = chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(80 * 1024 * 1024)))
    np.testing.assert_array_equal(read_png(write(png(site(), bomb))), site())


def test_bound_on_pixels_is_an_argument(write: Callable[[bytes], Path]) -> None:
    path = write(GOOD)
    assert read_png(path, max_pixels=64 * 64).shape == (64, 64)
    with pytest.raises(ImageError, match="at most 4095 are read"):
        read_png(path, max_pixels=64 * 64 - 1)


def test_overlong_file_is_refused(write: Callable[[bytes], Path]) -> None:
    with pytest.raises(ImageError, match="longer than"):
        read_png(write(GOOD + bytes(17 * 1024 * 1024)), max_pixels=64 * 64)


def test_missing_file_and_folder_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="image file not found"):
        read_png(tmp_path / "a.png")
    with pytest.raises(ImageError, match=re.escape(f"images folder {tmp_path / 'images'} not found")):
        read_png(tmp_path / "images" / "Plate1" / "a.png")


def test_folder_and_impossible_name_are_errors(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="cannot be read"):
        read_png(tmp_path)
    with pytest.raises(ImageError, match="not a possible file name"):
        read_png(tmp_path / "a\0.png")


def test_header_needs_no_pixel(write: Callable[[bytes], Path]) -> None:
    path = write(png(site(dtype=np.uint16))[:33])
    assert read_png_header(path) == ImageHeader(64, 64, np.dtype(np.uint16))
    assert str(read_png_header(path)) == "64 x 64 uint16"


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_colours_of_an_rgb_image_are_its_pages(dtype: type, write: Callable[[bytes], Path]) -> None:
    colours = [site(seed, dtype=dtype) for seed in range(3)]
    path = write(bytes(imagecodecs.png_encode(np.dstack(colours))))
    assert read_header(path, 2) == ImageHeader(64, 64, np.dtype(dtype))
    for order in ([0, 1, 2], [2, 0], [1]):
        planes = list(read_planes(path, order))
        np.testing.assert_array_equal(planes, [colours[page] for page in order])
        assert all(plane.flags.c_contiguous for plane in planes)
    np.testing.assert_array_equal(read_plane(write(png(colours[0])), 0), colours[0])


@pytest.mark.parametrize(
    ("page", "message"),
    [(None, "an RGB image; save each channel"), (3, "page 3 is asked for, and an RGB PNG has"), (-1, "page -1")],
)
def test_colours_that_are_not_there_are_named(
    page: int | None, message: str, write: Callable[[bytes], Path]
) -> None:
    path = write(saved(Image.new("RGB", (8, 8))))
    for read in (read_header, read_plane):
        with pytest.raises(ImageError, match=message):
            read(path, page)
    with pytest.raises(ImageError, match="page 1 is asked for, and a greyscale PNG has page 0 alone"):
        read_plane(write(GOOD), 1)


def test_damaged_rgb_images_are_named(write: Callable[[bytes], Path]) -> None:
    content = bytes(imagecodecs.png_encode(np.dstack([site(seed) for seed in range(3)])))
    with pytest.raises(ImageError, match="wrong checksum of the b'IDAT' chunk"):
        read_plane(write(bad_idat_checksum(content)), 0)
    with pytest.raises(ImageError, match="the file is cut"):
        read_plane(write(content[:-20]), 0)
    tall = SIGNATURE + ihdr(65, 64, colour=2) + content[33:]
    with pytest.raises(ImageError, match="cannot be decoded as 65 x 64 uint8"):
        read_plane(write(tall), 1)


@settings(max_examples=100)
@given(st.data())
def test_mutants_are_errors_or_right(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    position = data.draw(st.integers(0, len(GOOD) - 1))
    kind = data.draw(st.sampled_from(["flip", "cut", "insert", "remove"]))
    value = data.draw(st.integers(1, 255))
    head, byte, tail = GOOD[:position], GOOD[position], GOOD[position + 1 :]
    mutant = {
        "flip": head + bytes([byte ^ value]) + tail,
        "cut": head,
        "insert": head + bytes([value, byte]) + tail,
        "remove": head + tail,
    }[kind]
    path = tmp_path_factory.getbasetemp() / "mutant.png"
    path.write_bytes(mutant)
    try:
        pixels = read_png(path)
    except ImageError as error:
        assert str(path) in str(error)  # noqa: PT017 - either outcome is right
    else:
        np.testing.assert_array_equal(pixels, site())


def test_real_images_are_as_pillow_reads_them(shared: Callable[[str], Path]) -> None:
    files = sorted(shared("rxrx1_images").rglob("*.png"))
    assert len(files) == 80
    for file in files[::8]:
        with Image.open(file) as image:
            np.testing.assert_array_equal(read_png(file), np.asarray(image))
