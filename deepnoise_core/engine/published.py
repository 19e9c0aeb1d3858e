"""The weights that will be published, of the best epoch so far, each under the step that it ended with."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

from torch import Tensor

from deepnoise_core.engine.weights import save_weights

_PREFIX, _SUFFIX = "best-", ".safetensors"


def published_weights_of(folder: Path, step: int) -> Path:
    """The file of the weights of the epoch that ended with this step."""
    return folder / f"{_PREFIX}{step:08}{_SUFFIX}"


def save_published(folder: Path, step: int, tensors: Mapping[str, Tensor]) -> None:
    """Write the weights of the epoch that ended with this step."""
    folder.mkdir(exist_ok=True)
    save_weights(published_weights_of(folder, step), tensors)


def keep_published(folder: Path, steps: Collection[int]) -> None:
    """Remove all weights but those of these steps."""
    kept = {published_weights_of(folder, step).name for step in steps}
    for file in folder.glob(f"{_PREFIX}*{_SUFFIX}"):
        if file.name not in kept:
            file.unlink()
