"""The text of CSV files as programs write them, compressed or not: one encoding and one line end come out."""

from __future__ import annotations

import codecs
import gzip
import re
import zlib
from pathlib import Path

from deepnoise_core.contracts.errors import ScreenError

_BYTE_ORDER_MARKS = re.compile(rb"\A(?:%b)+" % codecs.BOM_UTF8)  # some programs write one before another's

MAX_BYTES = 4 * 1024**3
"""Longest text that is read, in bytes, after decompression."""


def csv_text(path: Path, *, most: int | None = None) -> bytes:
    r"""The text of a file as UTF-8 without a byte order mark, its lines ended by `\n`, the last by nothing.

    Gzip is told by its content, and UTF-16 by its byte order mark. Line ends of Windows and of old Macs, and
    blank lines at the end, are accepted.

    Args:
        path: the file.
        most: read about so many bytes, and give the lines that are complete in them; all where None.

    Raises:
        ScreenError: the file is missing, cannot be read, is too long, empty, or no text. Names the line.
    """
    content = _content(path, MAX_BYTES + 1 if most is None else most)
    if most is None and len(content) > MAX_BYTES:
        raise ScreenError(f"{path}: longer than {MAX_BYTES} bytes; divide the screen into several")
    text = _utf_8(path, content)
    if b"\r" in text:
        text = text.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    if len(content) == most:
        text = text[: text.rfind(b"\n") + 1]
    text = text.rstrip(b"\n")
    _require_text(path, text)
    return text


def _content(path: Path, limit: int) -> bytes:
    try:
        with path.open("rb") as file:
            compressed = file.read(2) == b"\x1f\x8b"
        with gzip.open(path) if compressed else path.open("rb") as stream:
            return stream.read(limit)
    except FileNotFoundError:
        raise ScreenError(f"{path}: file not found; check the path") from None
    except (OSError, EOFError, zlib.error) as error:
        raise ScreenError(f"{path}: cannot be read ({error}); check the file or copy it again") from None


def _utf_8(path: Path, content: bytes) -> bytes:
    if not content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return _BYTE_ORDER_MARKS.sub(b"", content)
    try:
        return _BYTE_ORDER_MARKS.sub(b"", content.decode("utf-16").encode())
    except UnicodeDecodeError as error:
        read = content[: error.start].decode("utf-16", errors="ignore")
        raise ScreenError(_no_text(path, read.count("\n") + 1, "UTF-16")) from None


def _require_text(path: Path, text: bytes) -> None:
    try:
        text.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ScreenError(_no_text(path, text.count(b"\n", 0, error.start) + 1)) from None
    if b"\0" in text:
        raise ScreenError(_no_text(path, text.count(b"\n", 0, text.index(b"\0")) + 1))
    if not text.strip():
        raise ScreenError(f"{path}: the file is empty; give a header line and one line a row")


def _no_text(path: Path, line: int, encoding: str = "UTF-8") -> str:
    return f"{path}:{line}: not {encoding} text; save it as CSV in UTF-8"
