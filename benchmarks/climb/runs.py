"""Trainings of the ladder: done once, kept by the hash of their recipe, and taken up again after a stop."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

from climb.rungs import Rung

PRESET = "ladder"


@dataclass(frozen=True)
class Training:
    """One network to train: a recipe's changes, the seed of screen and weights, and its fold."""

    sets: tuple[str, ...]
    seed: int
    fold: int = 0

    @property
    def changes(self) -> tuple[str, ...]:
        """Everything that `--set` is told."""
        return (*self.sets, f"seed={self.seed}", f"data.split.fold={self.fold}")


def trainings(rungs: Sequence[Rung], seeds: Sequence[int]) -> list[Training]:
    """Every training once, in the order of the rungs: fold 0 of the last rung is the one below it."""
    every = [Training(rung.sets, seed, fold) for rung in rungs for seed in seeds for fold in range(rung.folds)]
    return list({one.changes: one for one in every}.values())


def workers(jobs: int) -> ProcessPoolExecutor:
    """So many processes of one thread each."""
    os.environ["OMP_NUM_THREADS"] = "1"
    return ProcessPoolExecutor(jobs, mp_context=get_context("spawn"))


def finished(wanted: Sequence[Training], cache: Path, jobs: int) -> Iterator[Training]:
    """Train what is not there yet, `jobs` at a time with a thread each; yields each as it is done."""
    with workers(jobs) as pool:
        list(pool.map(screen_of, seeds := sorted({one.seed for one in wanted}), [cache] * len(seeds)))
        # Later rungs take longer: begun last, they would end alone.
        futures = {pool.submit(train, one, cache): one for one in reversed(wanted)}
        for future in as_completed(futures):
            future.result()
            yield futures[future]


def train(one: Training, cache: Path) -> None:
    """Train into the folder of the recipe's hash, unless it is done; one that was cut off is resumed."""
    import torch

    from deepnoise.api import installed
    from deepnoise.training import resume_run, train_run
    from deepnoise_registry.recipes.reading import read_recipe
    from deepnoise_registry.screens import open_screen

    torch.set_num_threads(1)
    out, catalogue = run_of(one, cache), installed()
    if (out / "bundle").exists():
        return
    if out.exists():
        resume_run(out, None, catalogue, device="cpu")
        return
    recipe, _ = read_recipe(PRESET, catalogue, sets=one.changes)
    train_run(recipe, open_screen(str(screen_of(one.seed, cache)), catalogue, None), out, catalogue, device="cpu")


def run_of(one: Training, cache: Path) -> Path:
    """Folder of a training: the hash of its recipe and of its screen's options."""
    from deepnoise.api import load_recipe
    from deepnoise_registry.recipes.recipe import recipe_hash

    return cache / f"{screen_key()}-{recipe_hash(load_recipe(PRESET, sets=one.changes))[:16]}"


def screen_of(seed: int, cache: Path) -> Path:
    """The pack of the simulated screen of a seed, made if need be."""
    from deepnoise.api import pack, simulate

    out = cache / f"{screen_key()}-screen-{seed}"
    if not out.exists():
        pack(simulate(PRESET, seed=seed), out, codec="none")
    return out


def screen_key() -> str:
    """A hash of the preset, so that another preset is another cache."""
    import hashlib

    from deepnoise_core.data.simulator import PRESETS

    fields = json.dumps(PRESETS[PRESET].model_dump(mode="json"), sort_keys=True)
    return hashlib.sha256(fields.encode()).hexdigest()[:8]
