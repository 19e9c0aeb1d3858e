"""Comma-separated text as tables of strings, with the faults of hand-made files named by line."""

from __future__ import annotations

import csv
import gzip
import zlib
from pathlib import Path

import polars as pl

from deepnoise_core.contracts.errors import ScreenError
from deepnoise_core.data.names import some_of

MAX_BYTES = 4 * 1024**3
"""Longest text that is read, in bytes, after decompression."""


def read_csv(path: Path, required: tuple[str, ...] = (), *, may_be_empty: bool = False) -> pl.DataFrame:
    """A `.csv` or `.csv.gz` with a header line as a table of strings; empty fields are null.

    Row i stands on line i + 2 of the file. A byte order mark, Windows line ends and blank lines at the end
    are accepted.

    Args:
        path: the file; compression is told by its content, not its name.
        required: columns that must be there; others are kept.
        may_be_empty: whether a header without a row under it is a table too.

    Raises:
        ScreenError: the file is missing, empty, no UTF-8 text, has ragged lines or repeated columns, lacks
            a required column or, unless it may, has no row under its header. Names the file and the line.
    """
    text = _text(path)
    header = _header(path, text)
    absent = [name for name in required if name not in header]
    if absent:
        raise ScreenError(
            f"{path}:1: column {some_of(absent)} is missing; the file has {some_of(header, most=20)}"
        )
    _require_even_lines(path, text, len(header))
    try:
        table = pl.read_csv(text, infer_schema=False)
    except (pl.exceptions.PolarsError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise ScreenError(f"{path}: not a table of comma-separated values ({reason}); mend the file") from None
    if table.is_empty() and not may_be_empty:
        raise ScreenError(f"{path}: no row under the header line; give a file with at least one")
    return table.with_columns(pl.when(pl.all() != "").then(pl.all()).name.keep())


def _text(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            compressed = file.read(2) == b"\x1f\x8b"
        with gzip.open(path) if compressed else path.open("rb") as stream:
            text = stream.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise ScreenError(f"{path}: file not found; check the path") from None
    except (OSError, EOFError, zlib.error) as error:
        raise ScreenError(f"{path}: cannot be read ({error}); check the file or copy it again") from None
    if len(text) > MAX_BYTES:
        raise ScreenError(f"{path}: longer than {MAX_BYTES} bytes; divide the screen into several")
    text = text.removeprefix(b"\xef\xbb\xbf").rstrip(b"\r\n")
    try:
        text.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ScreenError(_not_text(path, text, error.start)) from None
    if b"\0" in text:
        raise ScreenError(_not_text(path, text, text.index(b"\0")))
    if not text.strip():
        raise ScreenError(f"{path}: the file is empty; give a header line and one line a row")
    return text


def _not_text(path: Path, text: bytes, position: int) -> str:
    line = text.count(b"\n", 0, position) + 1
    return f"{path}:{line}: not UTF-8 text; save it as CSV in UTF-8"


def _header(path: Path, text: bytes) -> list[str]:
    first_line = text[: text.find(b"\n")] if b"\n" in text else text
    try:
        names = next(csv.reader([first_line.decode()]))
    except csv.Error as error:
        raise ScreenError(f"{path}:1: not a header line ({error}); mend the file") from None
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise ScreenError(f"{path}:1: column {some_of(repeated)} stands there twice; keep one")
    return names


def _require_even_lines(path: Path, text: bytes, fields: int) -> None:
    # A line that is cut short would otherwise read as one whose last fields are unknown.
    lines = text.count(b"\n") + 1
    if b'"' in text or text.count(b",") == (fields - 1) * lines:
        return
    for number, line in enumerate(text.split(b"\n"), start=1):
        found = line.count(b",") + 1
        if found != fields:
            raise ScreenError(f"{path}:{number}: {found} fields where the header has {fields}; mend the line")
