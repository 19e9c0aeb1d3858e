"""Our loop on a GPU, and the one that a good engineer writes by hand: seconds of a step, memory, weights."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

import deepnoise as dn
from deepnoise.api import installed
from deepnoise.jobs import job_of, prepared
from deepnoise.pixels import fitted_inputs
from deepnoise.simulation import simulated_screen
from deepnoise_core.contracts import Screen
from deepnoise_core.data.stores import ArrayStore
from deepnoise_core.engine.devices import DeviceName, Hardware
from deepnoise_core.engine.job import TrainingJob, planned_steps
from deepnoise_core.engine.observation import Advance, Silent
from deepnoise_core.engine.training import train
from deepnoise_registry.recipes.recipe import Recipe

TILE = 64
LEARNING_RATE, DECAY = 1e-3, 1e-4


@dataclass(frozen=True)
class Setting:
    """What all trainings of a benchmark share.

    Attributes:
        screen: packed sites.
        device: that learns.
        network: name of a timm model.
        batch: labelled sites a step.
        warm_up: steps that are not timed.
        steps: all steps of a training.
    """

    screen: Screen
    device: DeviceName
    network: str
    batch: int
    warm_up: int
    steps: int

    def recipe(self, strategy: str, *sets: str) -> Recipe:
        """A recipe of as many steps, without validation, in bf16 and channels last where `sets` say nothing."""
        return dn.load_recipe(
            "tiny",
            sets=[
                f"strategy={strategy}",
                f"backbone={{name: timm, options: {{model: {self.network}}}}}",
                "head=linear",
                "normalizer=z-score",
                "postprocessors=[site-mean]",
                "data.image_size=null",
                "data.split.folds=null",
                "train.selection=last",
                "train.schedule.name=constant",
                f"train.optimizer.lr={LEARNING_RATE}",
                f"train.optimizer.weight_decay={DECAY}",
                f"train.batch_size={self.batch}",
                "train.epochs=100000",
                f"train.max_steps={self.steps}",
                "train.precision=bf16",
                "train.memory_format=channels_last",
                *sets,
            ],
        )


@dataclass(frozen=True)
class Trained:
    """One training.

    Attributes:
        seconds: of a step, warm-up left out.
        peak: bytes that the device held at most.
        weights: of the student at the end.
        job: with the student that learned.
    """

    seconds: float
    peak: int
    weights: Mapping[str, Tensor]
    job: TrainingJob


class Watch(Silent):
    """Takes the time after the warm-up and at the end, and waits for the device nowhere between."""

    def __init__(self, setting: Setting, at_step: Callable[[int], None] | None) -> None:
        self.marks = {setting.warm_up: 0.0, setting.steps: 0.0}
        self.at_step, self.done = at_step, 0

    @contextmanager
    def task(self, name: str, total: int) -> Iterator[Advance]:
        """A task; each of its units is a step where it is an epoch."""
        yield self._step if name.startswith("epoch ") else lambda count, text="": None

    def _step(self, count: int, text: str = "") -> None:
        self.done += count
        if self.done in self.marks:
            wait()
            self.marks[self.done] = time.perf_counter()
        if self.at_step:
            self.at_step(self.done)


def packed_screen(folder: Path, side: int) -> Screen:
    """Small simulated sites, repeated to this many pixels a side and packed: no minutes of simulation."""
    small = simulated_screen("tiny", seed=0, sets=[f"image_size={TILE}"])
    pixels = np.tile(small.store.read(np.arange(len(small))), (1, 1, side // TILE, side // TILE))
    dn.pack(replace(small, store=ArrayStore(pixels)), folder)
    return dn.open_screen(folder)


def material(setting: Setting, recipe: Recipe) -> tuple[TrainingJob, Hardware]:
    """A job without validation, its normalizer fitted, and the hardware that the recipe asks for."""
    composition, hardware = prepared(recipe, setting.screen, installed(), setting.device)
    screen, inputs = fitted_inputs(
        composition.screen, composition.normalizer, recipe.data, hardware.device, Silent()
    )
    job = replace(
        job_of(composition, hardware),
        screen=screen,
        inputs=replace(inputs, layout=hardware.layout),
        validation=None,
    )
    return job, hardware


def ours(setting: Setting, recipe: Recipe, folder: Path, at_step: Callable[[int], None] | None = None) -> Trained:
    """Train with our loop; `at_step` is told of each step that ended."""
    job, hardware = material(setting, recipe)
    watch = Watch(setting, at_step)
    forget_memory()
    folder.mkdir()
    train(job, folder, hardware, watch)
    seconds = (watch.marks[setting.steps] - watch.marks[setting.warm_up]) / (setting.steps - setting.warm_up)
    weights = {name: value.detach().cpu().clone() for name, value in job.student.state_dict().items()}
    return Trained(seconds, peak_memory(), weights, job)


def bare(setting: Setting, recipe: Recipe) -> float:
    """Seconds of a step of the same supervised maths: a thread that reads ahead, views, autocast, fused AdamW."""
    job, hardware = material(setting, recipe)
    device, pinned = hardware.device, hardware.device.type == "cuda"
    network = hardware.placed(job.student).train()
    parameters = list(network.parameters())
    optimizer = torch.optim.AdamW(
        [
            {"params": [one for one in parameters if one.ndim > 1], "weight_decay": DECAY},
            {"params": [one for one in parameters if one.ndim <= 1], "weight_decay": 0.0},
        ],
        lr=LEARNING_RATE,
        fused=True,
    )
    plan = planned_steps(job)
    steps = [plan.epoch(at // plan.per_epoch)[at % plan.per_epoch].labelled for at in range(setting.steps)]
    total, marks = torch.zeros((), device=device), list[float]()
    with ThreadPoolExecutor(1) as reader:
        coming = reader.submit(job.inputs.store.read, steps[0].rows)
        for at, step in enumerate(steps, start=1):
            pixels = coming.result()
            if at < len(steps):
                coming = reader.submit(job.inputs.store.read, steps[at].rows)
            views = job.inputs.views(
                pixels, step.rows, ["normal"], job.augmentation, seed=job.seed, turns=step.turns
            )
            labels = torch.from_numpy(job.labels[step.rows])
            labels = (labels.pin_memory() if pinned else labels).to(device, non_blocking=pinned)
            optimizer.zero_grad()
            with torch.autocast(device.type, torch.bfloat16):
                loss = F.cross_entropy(network(views["normal"].images), labels)
            loss.backward()
            optimizer.step()
            total += loss.detach()
            if at in (setting.warm_up, setting.steps):
                wait()
                marks.append(time.perf_counter())
    return (marks[1] - marks[0]) / (setting.steps - setting.warm_up)


def wait() -> None:
    """Until the GPU has done all that it was given."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def forget_memory() -> None:
    """Count the GPU's memory anew."""
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()


def peak_memory() -> int:
    """Bytes that the GPU has held at most since then; 1 without a GPU, so that a rehearsal can divide."""
    return int(torch.cuda.max_memory_allocated()) if torch.cuda.is_available() else 1
