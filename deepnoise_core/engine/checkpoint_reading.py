"""PyTorch checkpoints of unknown origin, read in a process of their own that can do no more than read tensors.

The process unpickles with `weights_only=True` alone, which builds tensors and plain containers and calls nothing
else, and hands tensors over as safetensors. It may neither grow nor run for ever; if it dies, it dies alone.
"""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from deepnoise_core.contracts.errors import ModelError
from deepnoise_core.engine.weights import load_weights

SECONDS = 600
MEMORY = 2**31
"""Bytes that reading may need beside four times the file's size."""

_BEGINNINGS = (b"PK\x03\x04", b"\x80")
"""Of a zip archive and of a pickle, as which `torch.save` writes."""
_REFUSED = 3
_LONGEST = 300


def read_checkpoint(file: Path, *, seconds: float = SECONDS) -> dict[str, Tensor]:
    """Every tensor of a PyTorch checkpoint, on the CPU.

    Args:
        file: what `torch.save` wrote.
        seconds: how long reading may take.

    Returns:
        Name → tensor; a tensor inside of dictionaries or lists has all keys in its name, joined by dots.

    Raises:
        ModelError: the file is no checkpoint, holds what is no plain tensor or container, or needs more memory or
            time than it may.
    """
    if not file.is_file():
        raise ModelError(f"{file}: there is no such checkpoint")
    with file.open("rb") as opened:
        begins = opened.read(4)
    if not begins.startswith(_BEGINNINGS):
        raise ModelError(f"{file}: is no PyTorch checkpoint, since it begins with {begins!r}")
    with tempfile.TemporaryDirectory(prefix="deepnoise-import-") as folder:
        out = Path(folder) / "tensors.safetensors"
        # -P: a torch.py beside the user's files is not ours to run.
        command = [sys.executable, "-P", "-m", __name__, str(file.absolute()), str(out)]
        try:
            done = subprocess.run(  # noqa: S603 - our own module
                command, capture_output=True, text=True, timeout=seconds, check=False, stdin=subprocess.DEVNULL
            )
        except subprocess.TimeoutExpired:
            raise ModelError(f"{file}: was read for {seconds:g} s without an end; it is not sound") from None
        if done.returncode == _REFUSED:
            raise ModelError(f"{file}: {done.stdout.strip()}")
        if done.returncode:
            last = (done.stderr.strip().splitlines() or [""])[-1][:_LONGEST]
            raise ModelError(f"{file}: reading it ended with exit code {done.returncode}; is it whole? {last}")
        return load_weights(out)


def main(file: str, out: str) -> int:
    """Read one checkpoint in this process, and write its tensors; prints why where it cannot."""
    import torch
    from safetensors.torch import save_file

    _limit_memory(4 * os.path.getsize(file) + MEMORY)  # noqa: PTH202 - nothing more is imported than needed
    try:
        tensors = dict(_tensors(torch.load(file, map_location="cpu", weights_only=True)))
        if tensors:
            save_file({name: tensor.detach().clone().contiguous() for name, tensor in tensors.items()}, out)
            return 0
        print("holds no tensor")  # noqa: T201 - read by the process above
    except MemoryError:
        print("needs far more memory than its size; it is no sound checkpoint")  # noqa: T201
    except Exception as error:  # noqa: BLE001 - torch raises anything on a file that is not its own
        print(_reason(error))  # noqa: T201
    return _REFUSED


def _tensors(value: Any, name: str = "", depth: int = 0) -> Iterator[tuple[str, Any]]:
    import torch

    if isinstance(value, torch.Tensor):
        yield name or "tensor", value
    elif isinstance(value, Mapping | list | tuple) and depth < 8:
        items = value.items() if isinstance(value, Mapping) else enumerate(value)
        for key, one in items:
            yield from _tensors(one, f"{name}.{key}" if name else str(key), depth + 1)


def _reason(error: Exception) -> str:
    text = str(error)
    named = re.search(r"GLOBAL ([\w.]+)", text)
    if named or "weights_only" in text.lower() or "Unsupported operand" in text:
        what = f"{named[1]}, which is" if named else "what is"
        return (
            f"holds {what} neither a tensor nor a plain container, and is not read, since reading it could run "
            "code; where it was made, save the weights alone: torch.save(model.state_dict(), …)"
        )
    if "alloc" in text.lower() or "memory" in text.lower():
        return "needs far more memory than its size; it is no sound checkpoint"
    first = (text.splitlines() or [""])[0][:_LONGEST]
    return f"is no whole PyTorch checkpoint: {type(error).__name__}: {first}"


def _limit_memory(room: int) -> None:
    """Let this process grow by so many bytes and no more, where the system can tell how large it is."""
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource

        status = Path("/proc/self/status").read_text()
        used = re.search(r"^VmData:\s+(\d+) kB", status, re.MULTILINE)
        if used:
            limit = int(used[1]) * 1024 + room
            resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
