"""What a run saves of its networks: safetensors for tensors, JSON for the rest, nothing pickled."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from deepnoise_core.contracts.errors import ModelError
from deepnoise_core.contracts.protocols import Strategy
from deepnoise_core.data.files import plain_disk_errors, replace_file
from deepnoise_core.engine.weights import load_weights, restore, save_weights

FORMAT = 1


def save_state(
    folder: Path,
    student: nn.Module,
    strategy: Strategy,
    optimizer: torch.optim.Optimizer,
    record: Mapping[str, Any],
) -> None:
    """Write all that is needed to continue to a folder that replaces the one before it at once."""
    partial, previous = folder.with_name(folder.name + ".partial"), _previous(folder)
    shutil.rmtree(partial, ignore_errors=True)
    with plain_disk_errors(folder):
        partial.mkdir(parents=True)
        save_weights(partial / "student.safetensors", student.state_dict())
        save_weights(partial / "strategy.safetensors", strategy.state_dict())
        save_weights(partial / "optimizer.safetensors", _optimizer_tensors(optimizer))
        replace_file(partial / "state.json", json.dumps({"format": FORMAT, **record}, indent=2))
        shutil.rmtree(previous, ignore_errors=True)
        if folder.exists():
            folder.rename(previous)
        partial.rename(folder)
        shutil.rmtree(previous, ignore_errors=True)


def has_state(folder: Path) -> bool:
    """Whether a state can be put back from here, one whose saving was cut off between renames included."""
    return folder.exists() or _previous(folder).exists()


def load_state(
    folder: Path, student: nn.Module, strategy: Strategy, optimizer: torch.optim.Optimizer
) -> dict[str, Any]:
    """Put a saved state back, and return its record.

    Where saving was cut off between its two renames, the state before it still stands beside, and is taken.

    Raises:
        ModelError: the folder is missing, incomplete, or does not fit.
    """
    if not folder.exists() and _previous(folder).exists():
        _previous(folder).rename(folder)
    try:
        record: dict[str, Any] = json.loads((folder / "state.json").read_text())
    except (OSError, ValueError) as error:
        raise ModelError(f"{folder}: holds no readable checkpoint: {error}") from error
    path = folder / "student.safetensors"
    restore(student, load_weights(path), path)
    strategy.load_state_dict(load_weights(folder / "strategy.safetensors"))
    _restore_optimizer(optimizer, load_weights(folder / "optimizer.safetensors"))
    return record


def _previous(folder: Path) -> Path:
    return folder.with_name(folder.name + ".previous")


def _optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    state = optimizer.state_dict()["state"]
    return {
        f"{index}.{name}": value
        for index, values in state.items()
        for name, value in values.items()
        if isinstance(value, Tensor)
    }


def _restore_optimizer(optimizer: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    state: dict[int, dict[str, Tensor]] = {}
    for key, tensor in tensors.items():
        index, name = key.split(".", 1)
        state.setdefault(int(index), {})[name] = tensor
    optimizer.load_state_dict({**optimizer.state_dict(), "state": state})
