"""What a run saves to go on from: tensors in safetensors, the rest in JSON, every file hashed."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from deepnoise_core.contracts import CheckpointOptions
from deepnoise_core.contracts.errors import ModelError
from deepnoise_core.data.files import plain_disk_errors, replace_file, sha256_of, sync_folder
from deepnoise_core.engine.weights import load_weights, save_weights

FORMAT = 2
_RECORD = "state.json"
_PREFIX, _ASIDE = "step-", ".partial"
_LARGEST_SHARE = 0.01
"""Of a training's time that saving may take."""


@dataclass(frozen=True)
class State:
    """What a training is after some step.

    Attributes:
        step: steps done.
        tensors: by part, such as `student`, and by name.
        record: the rest, in JSON types.
    """

    step: int
    tensors: Mapping[str, Mapping[str, Tensor]]
    record: Mapping[str, Any]


class Checkpoints:
    """The latest states of a run, each in a folder of its own.

    Args:
        folder: where they lie; made when the first is saved.
        options: how often and how many.
        clock: seconds that only go forward.
    """

    def __init__(
        self, folder: Path, options: CheckpointOptions, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.folder, self.options, self._clock = folder, options, clock
        self._saved, self._cost = clock(), 0.0

    def due(self) -> bool:
        """Whether so much time has passed since the last that another is worth its cost."""
        wait = 60 * self.options.minutes
        return self._clock() - self._saved >= (max(wait, self._cost / _LARGEST_SHARE) if wait else 0)

    def save(self, state: State) -> list[dict[str, Any]]:
        """Write a state aside, sync and rename it; remove all but the newest, and damaged ones of later steps.

        Returns:
            The records of the states that are there now, the newest first.

        Raises:
            OutputError: the disk is full, or the folder cannot be written. The states before it are still there.
        """
        began = self._clock()
        final = self.folder / f"{_PREFIX}{state.step:08}"
        aside = final.with_name(final.name + _ASIDE)
        shutil.rmtree(aside, ignore_errors=True)
        try:
            with plain_disk_errors(final):
                aside.mkdir(parents=True)
                for part, tensors in state.tensors.items():
                    save_weights(aside / f"{part}.safetensors", tensors)
                hashes = {part: sha256_of(aside / f"{part}.safetensors") for part in state.tensors}
                about = {"format": FORMAT, "step": state.step, "sha256": hashes, **state.record}
                replace_file(aside / _RECORD, json.dumps(about, indent=2))
                shutil.rmtree(final, ignore_errors=True)
                aside.rename(final)
                sync_folder(self.folder)
        finally:
            shutil.rmtree(aside, ignore_errors=True)
        states = _states(self.folder)
        newest = states.index(final)
        kept = states[newest : newest + self.options.keep]
        for old in set(states).difference(kept):
            shutil.rmtree(old, ignore_errors=True)
        self._saved = self._clock()
        self._cost = self._saved - began
        return [_record_of(one) for one in kept]


def saved_steps(folder: Path) -> tuple[int, ...]:
    """The steps after which states were saved here, the newest first."""
    return tuple(int(one.name.removeprefix(_PREFIX)) for one in _states(folder))


def newest_state(folder: Path) -> tuple[State, tuple[str, ...]]:
    """The newest state that is whole, and a line on each newer one that is damaged.

    Raises:
        ModelError: none is whole.
    """
    damaged: list[str] = []
    for one in _states(folder):
        try:
            state = _read(one)
        except ModelError as error:
            damaged.append(str(error))
        else:
            instead = f"going on from the checkpoint before it, of step {state.step}"
            return state, tuple(f"{fault}; {instead}" for fault in damaged)
    found = "; ".join(damaged) or f"{folder} holds none"
    raise ModelError(f"no checkpoint is whole: {found}; train again to another folder")


def _states(folder: Path) -> list[Path]:
    """Folders of whole states, the newest first."""
    found = folder.glob(f"{_PREFIX}*")
    numbered = {int(number): one for one in found if (number := one.name.removeprefix(_PREFIX)).isdecimal()}
    return [numbered[step] for step in sorted(numbered, reverse=True)]


def _read(folder: Path) -> State:
    about = _record_of(folder)
    try:
        known, step, hashes = (about.pop(name) for name in ("format", "step", "sha256"))
    except KeyError as error:
        raise ModelError(f"{folder / _RECORD}: is no record of a checkpoint: it lacks {error}") from error
    if known != FORMAT:
        raise ModelError(f"{folder}: is a checkpoint of format {known}, and this deepnoise continues {FORMAT}")
    tensors = {part: _tensors(folder / f"{part}.safetensors", digest) for part, digest in hashes.items()}
    return State(step, tensors, about)


def _record_of(folder: Path) -> dict[str, Any]:
    try:
        about = json.loads((folder / _RECORD).read_bytes())
    except (OSError, ValueError) as error:
        raise ModelError(f"{folder / _RECORD}: cannot be read: {error}") from error
    if not isinstance(about, dict):
        raise ModelError(f"{folder / _RECORD}: is no record of a checkpoint")
    return about


def _tensors(path: Path, digest: str) -> dict[str, Tensor]:
    if path.is_file() and sha256_of(path) != digest:
        raise ModelError(f"{path}: is damaged, since its bytes are not those that were written")
    return load_weights(path)
