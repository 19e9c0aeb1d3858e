"""Damaged TIFFs are named errors; an array that comes back is the right one."""

import io
import re
import struct
import sys
import tracemalloc
import zlib
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

from deepnoise_core.contracts.errors import ImageError
from deepnoise_core.data.decoding import ImageHeader, read_header, read_plane, read_planes

Write = Callable[[bytes], Path]

ENCODINGS: dict[str, dict[str, Any]] = {
    "plain": {},
    "strips": {"rowsperstrip": 7},
    "LZW with predictor": {"compression": "lzw", "predictor": True, "rowsperstrip": 7},
    "LZW": {"compression": "lzw", "rowsperstrip": 7},
    "deflate": {"compression": "zlib", "rowsperstrip": 7},
    "deflate with predictor": {"compression": "zlib", "predictor": True},
    "PackBits": {"compression": "packbits"},
    "Zstandard": {"compression": "zstd"},
    "tiles": {"tile": (16, 32), "compression": "lzw", "predictor": True},
    "big-endian": {"byteorder": ">", "rowsperstrip": 7},
    "big-endian with predictor": {"byteorder": ">", "compression": "lzw", "predictor": True},
    "BigTIFF": {"bigtiff": True},
    "OME-TIFF": {"ome": True, "metadata": {"axes": "YX"}},
}
FLIPPED = ("plain", "strips", "LZW", "deflate", "PackBits", "big-endian", "BigTIFF")


def site(dtype: type = np.uint16, size: tuple[int, ...] = (48, 40)) -> NDArray[Any]:
    return np.random.default_rng(3).integers(1, 200, size).astype(dtype)


def tiff(pixels: NDArray[Any], **options: Any) -> bytes:
    stream = io.BytesIO()
    tifffile.imwrite(stream, pixels, **{"photometric": "minisblack", **options})
    return stream.getvalue()


def tiff_by_hand(entries: dict[int, tuple[int, int, int]], data: bytes = b"", following: int = 0) -> bytes:
    """Code → (type, count, value); the data begin at byte 8 and the directory follows."""
    directory = b"".join(struct.pack("<HHII", code, *entry) for code, entry in sorted(entries.items()))
    start = struct.pack("<2sHI", b"II", 42, 8 + len(data))
    return start + data + struct.pack("<H", len(entries)) + directory + struct.pack("<I", following)


def plain_entries(**changes: tuple[int, int, int]) -> dict[int, tuple[int, int, int]]:
    """The directory of an 8 x 8 8-bit image whose 64 bytes lie at byte 8."""
    names = {
        "width": (256, (3, 1, 8)),
        "length": (257, (3, 1, 8)),
        "bits": (258, (3, 1, 8)),
        "compression": (259, (3, 1, 1)),
        "photometric": (262, (3, 1, 1)),
        "fill_order": (266, (3, 1, 1)),
        "offset": (273, (4, 1, 8)),
        "samples": (277, (3, 1, 1)),
        "rows": (278, (4, 1, 8)),
        "bytes": (279, (4, 1, 64)),
        "format": (339, (3, 1, 1)),
    }
    return {code: changes.get(name, entry) for name, (code, entry) in names.items()}


def plain(data: bytes = bytes(64), **changes: tuple[int, int, int]) -> bytes:
    return tiff_by_hand(plain_entries(**changes), data)


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def save(content: bytes) -> Path:
        path = tmp_path / "B02_s1_w1.tif"
        path.write_bytes(content)
        return path

    return save


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_pixels_are_exact(encoding: str, dtype: type, write: Write) -> None:
    pixels = site(dtype)
    path = write(tiff(pixels, **ENCODINGS[encoding]))
    assert read_header(path) == ImageHeader(48, 40, np.dtype(dtype))
    read = read_plane(path)
    assert read.dtype == dtype
    assert read.dtype.isnative
    np.testing.assert_array_equal(read, pixels)


FAULTS: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "not a readable TIFF"),
    "HTML": (b"<!DOCTYPE html><html></html>", "not a readable TIFF"),
    "cut in the header": (tiff(site())[:6], "not a readable TIFF"),
    "cut in the pixels": (tiff(site())[:3000], "the file is cut after 3000 bytes"),
    "RGB": (tiff(site(np.uint8, (8, 8, 3)), photometric="rgb"), "a RGB image"),
    "palette": (plain(photometric=(3, 1, 3)), "a palette image"),
    "white is zero": (plain(photometric=(3, 1, 0)), "a white-is-zero image"),
    "two samples": (plain(samples=(3, 1, 2)), "a 2-sample image"),
    "one bit": (plain(bits=(3, 1, 1)), "1 bits a pixel"),
    "twelve bits": (plain(bits=(3, 1, 12)), "12 bits a pixel"),
    "signed": (tiff(site(np.int16)), "pixels are signed integers"),
    "complex": (plain(format=(3, 1, 6)), "pixels are complex floats"),
    "reversed bits": (plain(fill_order=(3, 1, 2)), "bits of its bytes are reversed"),
    "floats": (tiff(site(np.float32)), "pixels are float32; give every pixel a finite value"),
    "bomb": (plain(width=(4, 1, 60_000), length=(4, 1, 60_000)), "60000 x 60000 pixels, and at most"),
    "no pixel": (plain(length=(3, 1, 0)), "0 x 8 pixels"),
    "header says more rows": (plain(length=(3, 1, 9), rows=(4, 1, 9)), "holds 64 bytes of pixels and needs 72"),
    "header says fewer rows": (plain(length=(3, 1, 7), rows=(4, 1, 7)), "holds 64 bytes of pixels and needs 56"),
    "too few strips": (plain(rows=(4, 1, 4)), "lists 1 strips or tiles and 1 sizes, and needs 2"),
    "empty strips": (plain(rows=(4, 1, 0)), "its strips or tiles are 0 x 8 pixels"),
    "absent strip": (plain(offset=(4, 1, 0)), "1 of 1 strips or tiles are absent"),
    "strip behind the end": (plain(offset=(4, 1, 4000)), "the file is cut after"),
    "strip over the directory": (plain(offset=(4, 1, 20)), "lie one upon the other"),
    "strip over the header": (plain(offset=(4, 1, 4)), "lie one upon the other"),
    "oversized strip": (plain(bytes(99_000), bytes=(4, 1, 99_000)), "99000 bytes for 8 x 8 pixels are too many"),
    "JPEG": (plain(compression=(3, 1, 7)), "compressed by scheme 7 with predictor 1"),
    "broken deflate": (plain(compression=(3, 1, 8)), "strip or tile 0 cannot be decoded"),
    "entry of a wrong type": (plain(fill_order=(2, 1, 49)), "holds no numbers for fill order"),
    "entry of no type": (plain(samples=(99, 1, 8)), "entries of its directory are damaged"),
    "entry of many numbers": (plain(rows=(3, 2, 0x00080008)), "rows per strip is [8, 8], not one number"),
    "lost entry": (
        tiff_by_hand({code: entry for code, entry in plain_entries().items() if code != 262}, bytes(64)),
        "holds no numbers for photometric",
    ),
    "absurd count": (plain(offset=(4, 2**31, 8)), "entries of its directory are damaged"),
    "absurd number of entries": (
        struct.pack("<2sHIH", b"II", 42, 8, 65535) + bytes(65535 * 12),
        "not a readable TIFF",
    ),
    "next page nowhere": (tiff_by_hand(plain_entries(), bytes(64), following=2**31), "directory are damaged"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_damaged_file_is_named(fault: str, write: Write, capfd: pytest.CaptureFixture[str]) -> None:
    content, found = FAULTS[fault]
    path = write(content)
    with pytest.raises(ImageError, match=re.escape(found)) as error:
        read_plane(path)
    assert str(error.value).startswith(f"{path}: ")
    assert error.value.__suppress_context__ or error.value.__context__ is None
    assert capfd.readouterr() == ("", "")


def test_by_hand_is_a_tiff(write: Write) -> None:
    pixels = np.arange(64, dtype=np.uint8).reshape(8, 8)
    np.testing.assert_array_equal(read_plane(write(plain(pixels.tobytes()))), pixels)


def test_unusable_floats_are_counted(write: Write) -> None:
    pixels = site(np.float32)
    pixels[0, :3] = np.nan, np.inf, -np.inf
    with pytest.raises(ImageError, match="pixels are float32, 3 of them NaN or infinite; give"):
        read_header(write(tiff(pixels, compression="lzw")))


@pytest.mark.parametrize("encoding", FLIPPED)
def test_flipped_bits_beside_the_pixels_are_errors_or_right(encoding: str, write: Write) -> None:
    pixels, content = site(), tiff(site(), **ENCODINGS[encoding])
    with tifffile.TiffFile(io.BytesIO(content)) as file:
        page = file.pages.first
        beside = np.ones(len(content), dtype=bool)
        for offset, count in zip(page.dataoffsets, page.databytecounts, strict=True):
            beside[offset : offset + count] = False
    bits = list(product(np.flatnonzero(beside).tolist(), range(8)))
    for position, bit in np.random.default_rng(5).choice(bits, 300, replace=False).tolist():
        mutant = bytearray(content)
        mutant[position] ^= 1 << bit
        require_right_or_refused(write(bytes(mutant)), pixels)


@pytest.mark.parametrize("encoding", ["deflate", "deflate with predictor"])
def test_flipped_pixels_of_deflate_are_errors(encoding: str, write: Write) -> None:
    content = tiff(site(), **ENCODINGS[encoding])
    with tifffile.TiffFile(io.BytesIO(content)) as file:
        extents = list(zip(file.pages.first.dataoffsets, file.pages.first.databytecounts, strict=True))
    generator = np.random.default_rng(6)
    for _ in range(100):
        offset, count = extents[generator.integers(len(extents))]
        mutant = bytearray(content)
        mutant[offset + generator.integers(count)] ^= 1 << generator.integers(8)
        require_right_or_refused(write(bytes(mutant)), site())


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_cut_files_are_errors_or_right(encoding: str, write: Write) -> None:
    content = tiff(site(), **ENCODINGS[encoding])
    for length in range(0, len(content), 101):
        require_right_or_refused(write(content[:length]), site())


def require_right_or_refused(path: Path, pixels: NDArray[Any]) -> None:
    try:
        read = read_plane(path)
    except ImageError as error:
        assert str(path) in str(error)  # noqa: PT017 - either outcome is right
    else:
        np.testing.assert_array_equal(read, pixels)


@pytest.mark.parametrize(
    ("compression", "bomb"),
    [
        (8, zlib.compress(bytes(256 * 1024 * 1024), 9)[:60_000]),
        (5, tifffile.TIFF.COMPRESSORS[5](bytes(64 * 1024 * 1024))[:60_000]),
    ],
)
def test_bombs_cost_no_memory(compression: int, bomb: bytes, write: Write) -> None:
    path = write(plain(bomb, compression=(3, 1, compression), bytes=(4, 1, len(bomb))))
    tracemalloc.start()
    try:
        with pytest.raises(ImageError):
            read_plane(path)
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()


def test_entries_cost_no_memory(write: Write) -> None:
    path = write(plain(bytes(40_000_000), offset=(4, 9_000_000, 8), bytes=(4, 9_000_000, 8)))
    tracemalloc.start()
    try:
        with pytest.raises(ImageError, match="an entry of 36000000 bytes, and at most"):
            read_plane(path)
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()


def test_pages_are_picked_by_number(write: Write) -> None:
    stack = site(size=(4, 48, 40))
    path = write(tiff(stack, metadata=None))
    read = list(read_planes(path, [2, 0, 2, 3]))
    np.testing.assert_array_equal(read, stack[[2, 0, 2, 3]])
    assert read_header(path, 3) == ImageHeader(48, 40, np.dtype(np.uint16))
    with pytest.raises(ImageError, match="page 4 is asked for, and the file has 4"):
        read_plane(path, 4)
    with pytest.raises(ImageError, match="holds several pages; say which"):
        read_plane(path)


def test_stack_behind_a_single_page_is_not_taken_for_a_plane(write: Write) -> None:
    path = write(tiff(site(size=(3, 48, 40)), imagej=True, truncate=True, metadata={"axes": "CYX"}))
    with tifffile.TiffFile(path) as file:
        assert len(file.pages) == 1
    with pytest.raises(ImageError, match="holds several pages"):
        read_plane(path)


def test_circle_of_pages_ends(write: Write) -> None:
    content = tiff_by_hand(plain_entries(), bytes(64), following=72)
    with pytest.raises(ImageError, match="holds several pages"):
        read_plane(write(content))
    with pytest.raises(ImageError, match="its pages form a circle"):
        read_plane(write(content), 5)


def test_suffix_tells_the_format(tmp_path: Path) -> None:
    for name in ("a.jpg", "a"):
        with pytest.raises(ImageError, match=r"an image file ends in \.png, \.tif, \.tiff"):
            read_header(tmp_path / name)
    tifffile.imwrite(tmp_path / "a.OME.TIF", site())
    assert read_header(tmp_path / "a.OME.TIF").height == 48


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="image file not found"):
        read_plane(tmp_path / "a.tif")


def test_absent_tifffile_is_named(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tifffile", None)
    with pytest.raises(ImageError, match=re.escape('pip install "deepnoise[tiff]"')):
        read_plane(write(plain()))


@pytest.mark.parametrize(("name", "count"), [("nf1_images", 15), ("examplehuman_cc0", 3)])
def test_real_images_are_as_tifffile_reads_them(name: str, count: int, shared: Callable[[str], Path]) -> None:
    files = sorted(shared(name).glob("*.tif"))
    assert len(files) == count
    for file in files[::3]:
        np.testing.assert_array_equal(read_plane(file), tifffile.imread(file))
