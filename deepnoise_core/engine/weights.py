"""Tensors by name in safetensors files, which are never believed before they are checked."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

import torch
from torch import Tensor, nn

from deepnoise_core.contracts.errors import ModelError
from deepnoise_core.data.files import replacing
from deepnoise_core.data.names import some_of
from deepnoise_core.engine.divided_tensors import all_divided_as, whole
from deepnoise_core.engine.weight_files import BYTES_OF_TYPE, TensorRecord, header_of, read_header

_PIECE = 2**20
_TYPES = {
    "BOOL": torch.bool,
    "U8": torch.uint8,
    "I8": torch.int8,
    "F8_E4M3": torch.float8_e4m3fn,
    "F8_E5M2": torch.float8_e5m2,
    "U16": torch.uint16,
    "I16": torch.int16,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "U32": torch.uint32,
    "I32": torch.int32,
    "F32": torch.float32,
    "U64": torch.uint64,
    "I64": torch.int64,
    "F64": torch.float64,
    "C64": torch.complex64,
}
_CODES = {dtype: code for code, dtype in _TYPES.items()}


def save_weights(path: Path, tensors: Mapping[str, Tensor]) -> None:
    """Write tensors to one safetensors file, aside and renamed.

    One is written after another, so that of tensors that are divided among processes no two are whole at once.
    All other processes must call `lend_weights` meanwhile.
    """
    order = _order(tensors)
    with replacing(path) as file:
        file.write(header_of({name: (_CODES[tensors[name].dtype], tensors[name].shape) for name in order}))
        for name in order:
            values = whole(tensors[name]).detach().cpu().contiguous()
            file.write(values.reshape(-1).view(torch.uint8).numpy().data)


def lend_weights(tensors: Mapping[str, Tensor]) -> None:
    """Take part where another process saves tensors: it is given the shares of those that are divided."""
    for name in _order(tensors):
        whole(tensors[name])


def load_weights(path: Path, sha256: str | None = None) -> dict[str, Tensor]:
    """Read a safetensors file to the CPU, once: what is hashed are the very bytes that the tensors then are.

    Args:
        path: the file.
        sha256: hexadecimal hash that its bytes must have, if it is known.

    Returns:
        Tensors by name, which share one piece of memory.

    Raises:
        ModelError: the file is missing, is no sound safetensors file, or has another hash.
    """
    try:
        with path.open("rb") as file:
            header = read_header(file, path)
            data = torch.empty(header.data_size, dtype=torch.uint8)
            if _filled(data, file, header.size, hashed=sha256 is not None) != sha256:
                raise ModelError(f"{path}: differs from the bundle's manifest (sha256); copy the bundle again")
    except OSError as error:
        raise ModelError(f"{path}: cannot be read as safetensors weights: {error.strerror or error}") from error
    return {name: _tensor(data, record) for name, record in header.tensors.items()}


def restore(model: nn.Module, tensors: Mapping[str, Tensor], path: Path | str) -> None:
    """Load tensors into a model; every name and shape must fit.

    Raises:
        ModelError: names or shapes differ; says which.
    """
    try:
        model.load_state_dict(all_divided_as(tensors, model.state_dict()))
    except RuntimeError as error:
        raise ModelError(f"{path}: weights do not fit the network of the recipe: {error}") from error


def adopt_weights(model: nn.Module, tensors: Mapping[str, Tensor], path: Path) -> None:
    """Make a model consist of tensors, without a second copy of them.

    Numbers of another type than the model's are converted.

    Args:
        model: on the CPU; see `WithoutFilling`.
        tensors: of `load_weights`.
        path: their file, for messages.

    Raises:
        ModelError: names or shapes differ, or a tensor holds NaN; says which.
    """
    own = model.state_dict()
    _require_fit(tensors, own, path)
    for name, tensor in tensors.items():
        if _has_nan(tensor):
            raise ModelError(f"{path}: {name!r} holds NaN, which is no number; the network predicts nothing")
    model.load_state_dict({name: tensor.to(own[name].dtype) for name, tensor in tensors.items()}, assign=True)


def _order(tensors: Mapping[str, Tensor]) -> list[str]:
    """Larger numbers first, so that each begins at a multiple of its size; in the order of names beside."""
    return sorted(tensors, key=lambda name: (-tensors[name].dtype.itemsize, name))


def _filled(data: Tensor, file: BinaryIO, start: int, *, hashed: bool) -> str | None:
    """Read the rest of the file into `data`; the hash of the whole file where it is wanted.

    Each piece is hashed while it is still in the processor's cache.
    """
    digest = hashlib.sha256()
    if hashed:
        file.seek(0)
        digest.update(file.read(start))
    memory = data.numpy().data
    for begin in range(0, len(memory), _PIECE):
        piece = memory[begin : begin + _PIECE]
        if file.readinto(piece) != len(piece):  # type: ignore[attr-defined]
            raise OSError("it became shorter while it was read")
        if hashed:
            digest.update(piece)
    return digest.hexdigest() if hashed else None


def _tensor(data: Tensor, record: TensorRecord) -> Tensor:
    raw = data[record.start : record.stop]
    # Other writers need not keep numbers at multiples of their own size, but torch must have them there.
    if record.start % BYTES_OF_TYPE[record.dtype]:
        raw = raw.clone()
    return raw.view(_TYPES[record.dtype]).view(record.shape)


def _require_fit(found: Mapping[str, Tensor], own: Mapping[str, Tensor], path: Path) -> None:
    other = [
        f"{name!r} is {list(found[name].shape)}, not {list(tensor.shape)}"
        for name, tensor in own.items()
        if name in found and found[name].shape != tensor.shape
    ]
    faults = [
        f"{word} {some_of(names)}"
        for word, names in (
            ("it lacks", [name for name in own if name not in found]),
            ("it has too many:", [name for name in found if name not in own]),
        )
        if names
    ]
    faults += [*other[:3], f"and {len(other) - 3} more"] if len(other) > 3 else other
    if faults:
        raise ModelError(f"{path}: weights do not fit the network of the recipe: {'; '.join(faults)}")


def _has_nan(tensor: Tensor) -> bool:
    # A sum is NaN wherever a summand is, and is found without writing a mask; it may also be NaN by infinities.
    if not tensor.is_floating_point():
        return False
    wide = tensor if tensor.element_size() >= 4 else tensor.float()
    return bool(wide.sum().isnan()) and bool(wide.isnan().any())
