"""What processes do until they are stopped; arguments are text."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

import deepnoise as dn
from deepnoise.__main__ import main as program
from deepnoise.api import installed
from deepnoise.pictures import curves  # noqa: F401 - imported once, before any fork
from deepnoise.training import resume_run
from deepnoise_core.data.packs import PackOptions, pack_screen
from deepnoise_core.engine.observation import Advance, Silent
from surviving import trainings

torch.set_num_threads(1)


class Counting(Silent):
    """Prints notes, and keeps the number of finished steps in a file that a kill leaves as it is."""

    def __init__(self, file: Path) -> None:
        self.file, self.steps = file, int(file.read_text() or 0) if file.exists() else 0

    def note(self, text: str) -> None:
        print(text, flush=True)

    @contextmanager
    def task(self, name: str, total: int) -> Iterator[Advance]:
        def advance(count: int, text: str = "") -> None:  # noqa: ARG001
            if name.startswith("epoch"):
                self.steps += count
                self.file.write_text(str(self.steps))

        yield advance


def train(screen: str, out: str, strategy: str, counter: str) -> None:
    """Train from the start."""
    trainings.trained(Path(screen), Path(out), strategy, Counting(Path(counter)))


def resume(out: str, counter: str) -> None:
    """Go on with what is there."""
    resume_run(Path(out), None, installed(), device="cpu", observer=Counting(Path(counter)))


def pack(screen: str, out: str) -> None:
    """Pack a screen."""
    pack_screen(dn.open_screen(screen), Path(out), PackOptions(shard_sites=4))


def predict(model: str, screen: str, out: str) -> None:
    """Predict a screen."""
    assert program(("predict", model, "--screen", screen, "--out", out, "--device", "cpu")) == 0
