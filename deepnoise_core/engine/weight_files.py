"""What a safetensors file says that it holds, checked to the last byte before any of it is believed.

The format: eight bytes of length, a JSON header of that length, then the tensors, end to end
(https://github.com/huggingface/safetensors#format). Nothing here needs torch, and no tensor is read.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from deepnoise_core.contracts.errors import ModelError

LARGEST_HEADER = 16 * 2**20
"""Bytes that a header may have; that of a network of a thousand tensors has about 100,000."""

BYTES_OF_TYPE: Mapping[str, int] = {
    **dict.fromkeys(("BOOL", "U8", "I8", "F8_E4M3", "F8_E5M2"), 1),
    **dict.fromkeys(("U16", "I16", "F16", "BF16"), 2),
    **dict.fromkeys(("U32", "I32", "F32"), 4),
    **dict.fromkeys(("U64", "I64", "F64", "C64"), 8),
}
"""Bytes of a number of each type that the format knows and torch can compute with."""

_MOST_NUMBERS = 2**60
_ENTRY = {"dtype", "shape", "data_offsets"}


@dataclass(frozen=True)
class TensorRecord:
    """Where a tensor lies in its file.

    Attributes:
        dtype: a key of `BYTES_OF_TYPE`.
        shape: its sizes; empty for a single number.
        start: its first byte, counted from the end of the header.
        stop: the byte after its last.
    """

    dtype: str
    shape: tuple[int, ...]
    start: int
    stop: int


@dataclass(frozen=True)
class Header:
    """The header of a sound file.

    Attributes:
        tensors: by name, in the order of their bytes.
        metadata: what the writer says besides.
        size: bytes before the first tensor.
        data_size: bytes of all tensors.
    """

    tensors: Mapping[str, TensorRecord]
    metadata: Mapping[str, str]
    size: int
    data_size: int


def header_of(tensors: Mapping[str, tuple[str, Sequence[int]]]) -> bytes:
    """The header of a file that holds tensors of these types and shapes, end to end in this order."""
    entries, stop = {}, 0
    for name, (dtype, shape) in tensors.items():
        start, stop = stop, stop + BYTES_OF_TYPE[dtype] * math.prod(shape)
        entries[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [start, stop]}
    text = json.dumps(entries, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text


def check_header(path: Path) -> Header:
    """The header of a safetensors file.

    Raises:
        ModelError: the file cannot be read, or is anything but a sound safetensors file; says what is wrong.
    """
    try:
        with path.open("rb") as file:
            return read_header(file, path)
    except OSError as error:
        raise ModelError(f"{path}: cannot be read as safetensors weights: {error.strerror or error}") from error


def read_header(file: BinaryIO, path: Path) -> Header:
    """As `check_header`, of a file that is open at its start, and stands after the header then."""
    total = os.fstat(file.fileno()).st_size
    first = file.read(8)
    length = int.from_bytes(first, "little")
    if len(first) < 8 or length > min(LARGEST_HEADER, total - 8):
        raise _unsound(path, _not_safetensors(first, length, total))
    size, data_size = 8 + length, total - 8 - length
    try:
        found = json.loads(file.read(length).decode(), object_pairs_hook=_without_doubles)
    except (ValueError, RecursionError) as error:
        raise _unsound(path, f"its header is no JSON ({error})") from None
    if not isinstance(found, dict):
        raise _unsound(path, f"its header is a {type(found).__name__}, not a table of tensors")
    metadata = found.pop("__metadata__", {})
    if not _is_text(metadata):
        raise _unsound(path, "its __metadata__ is no table of texts")
    tensors = {name: _record(path, name, entry) for name, entry in found.items()}
    ordered = dict(sorted(tensors.items(), key=lambda item: (item[1].start, item[1].stop)))
    _require_end_to_end(path, ordered, data_size)
    return Header(ordered, metadata, size, data_size)


def _not_safetensors(first: bytes, length: int, total: int) -> str:
    if first[:4] == b"PK\x03\x04" or (first[:1] == b"\x80" and first[1:2] in b"\x02\x03\x04\x05"):
        return "it is a pickle, as torch.save writes, which could run code and is never opened"
    if len(first) < 8:
        return f"it has {total} bytes, fewer than the shortest header"
    return (
        f"its header would be {length:,} bytes, but the file has {total:,}, and no more than "
        f"{LARGEST_HEADER:,} are read"
    )


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"{next(one for one in names if names.count(one) > 1)!r} stands there twice")
    return table


def _is_text(metadata: object) -> bool:
    return isinstance(metadata, dict) and all(isinstance(value, str) for value in metadata.values())


def _record(path: Path, name: str, entry: object) -> TensorRecord:
    """One entry of the header, its type, shape and number of bytes known to agree."""
    if not name.isprintable():
        raise _unsound(path, f"the name {name!a} is no printable text")
    if not isinstance(entry, dict) or entry.keys() != _ENTRY:
        raise _unsound(path, f"the entry {name!r} does not consist of {', '.join(sorted(_ENTRY))}")
    dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    width = BYTES_OF_TYPE.get(dtype) if isinstance(dtype, str) else None
    if width is None:
        raise _unsound(path, f"{name!r} is of the type {str(dtype)!a:.40}; known are {', '.join(BYTES_OF_TYPE)}")
    # Where one size is 0 the others can still be too large for torch to count.
    if not _are_counts(shape) or math.prod(max(size, 1) for size in shape) > _MOST_NUMBERS:
        raise _unsound(path, f"{name!r} has the shape {str(shape)!a:.80}")
    if not _are_counts(offsets) or len(offsets) != 2 or offsets[0] > offsets[1]:
        raise _unsound(path, f"{name!r} has the offsets {str(offsets)!a:.80}")
    needed, given = math.prod(shape) * width, offsets[1] - offsets[0]
    if needed != given:
        raise _unsound(path, f"{name!r} is {dtype} {shape}, {needed:,} bytes, but has {given:,}")
    return TensorRecord(dtype, tuple(shape), *offsets)


def _are_counts(values: object) -> bool:
    return isinstance(values, list) and all(type(value) is int and value >= 0 for value in values)


def _require_end_to_end(path: Path, ordered: Mapping[str, TensorRecord], data_size: int) -> None:
    """Refuse tensors that overlap, leave bytes to nobody, or lie outside of the file."""
    end = 0
    for name, record in ordered.items():
        if record.stop > data_size:
            raise _unsound(path, f"{name!r} ends at byte {record.stop:,} of {data_size:,}, outside of the file")
        if record.start < end:
            raise _unsound(path, f"{name!r} overlaps the tensor before it, at byte {record.start:,}")
        if record.start > end:
            raise _unsound(path, f"the {record.start - end:,} bytes before {name!r} belong to no tensor")
        end = record.stop
    if end < data_size:
        raise _unsound(path, f"its last {data_size - end:,} bytes belong to no tensor")


def _unsound(path: Path, what: str) -> ModelError:
    return ModelError(f"{path}: cannot be read as safetensors weights: {what}; copy the file again")
