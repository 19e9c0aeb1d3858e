"""The trainings that are stopped, and whether two of them ended alike."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

import deepnoise as dn
from deepnoise import pixels
from deepnoise.training import Run
from deepnoise_core.data.stores import FileStore
from deepnoise_core.engine.checkpoints import newest_state
from deepnoise_core.engine.observation import Silent

STEPS = 40
SETS = (
    "train.batch_size=8",
    "train.epochs=14",
    f"train.max_steps={STEPS}",
    "train.checkpoints.minutes=0",
    "data.image_size=16",
)
STRATEGIES = {
    "supervised": ("strategy=supervised",),
    "mean teacher": ("strategy=mean-teacher", "train.optimizer.name=sgd"),
    "pseudo-labels": ("strategy={name: mean-teacher-pseudo, options: {from_share: 0.2, refresh: every}}",),
}
READERS = {"memory": 0, "one thread": 1, "two threads": 2}
TIMED = ("seconds", "sites_per_second", "waiting")


def trained(screen: Path, out: Path, strategy: str, observer: Silent | None = None) -> Run:
    """A run with a state of each step."""
    recipe = dn.load_recipe("tiny", sets=[*SETS, *STRATEGIES[strategy], f"train.checkpoints.keep={STEPS}"])
    run = dn.train(recipe, screen, out, device="cpu", observer=observer)
    assert isinstance(run, Run)
    return run


@contextmanager
def reading_by(threads: int) -> Iterator[None]:
    """Read images by so many threads; from memory where 0."""
    if not threads:
        yield
        return
    made = FileStore.__init__
    fits = pixels.fits_in_memory
    FileStore.__init__ = lambda self, *args, **options: made(self, *args, **{**options, "threads": threads})  # type: ignore[method-assign]
    pixels.fits_in_memory = lambda screen, limit: False
    try:
        yield
    finally:
        FileStore.__init__, pixels.fits_in_memory = made, fits  # type: ignore[method-assign]


def same(one: Path, other: Path) -> bool:
    """Whether weights, teacher, optimiser, sums and metrics of two runs are the same bits."""
    states = [newest_state(run / "checkpoints")[0].tensors for run in (one, other)]
    bundles = [(run / "bundle" / "model.safetensors").read_bytes() for run in (one, other)]
    return (
        states[0].keys() == states[1].keys()
        and all(
            tensors.keys() == states[1][part].keys()
            and all(torch.equal(tensor, states[1][part][name]) for name, tensor in tensors.items())
            for part, tensors in states[0].items()
        )
        and bundles[0] == bundles[1]
        and metrics(one) == metrics(other)
    )


def metrics(run: Path) -> list[dict[str, float]]:
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [{name: value for name, value in line.items() if name not in TIMED} for line in lines]
