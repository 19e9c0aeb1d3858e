"""Our loop as users run it, others taking turns with it, and the time of every step."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

import deepnoise as dn
from deepnoise.api import installed
from deepnoise_core.engine.observation import Advance, Silent
from deepnoise_registry.bundles import read_bundle
from loops.material import Material

WARM_UP, TURN = 5, 10


@dataclass(frozen=True)
class Beside:
    """Seconds of each step by loop, ours among them, and the network that each ends with.

    They are seconds of work of the loop's thread, since other work on the machine would otherwise outweigh what
    is compared; what a loop waits for pixels is not in them.
    """

    seconds: Mapping[str, NDArray[np.float64]]
    networks: Mapping[str, nn.Module]

    def typical(self, name: str) -> float:
        """Seconds of a step of a loop that little else disturbs: the first decile."""
        return float(np.quantile(self.seconds[name][WARM_UP:], 0.1))

    def ratio(self, name: str, other: str) -> float:
        """How much longer a step of the first takes than one of the other: the median of all turns but the first.

        Loops take their turns one after another, so that each turn compares what the machine did at that time.
        """
        ours, others = (np.median(self.seconds[one][TURN:].reshape(-1, TURN), axis=1) for one in (name, other))
        return float(np.median(ours / others))

    def distance(self, name: str, other: str, start: nn.Module) -> float:
        """How far apart the weights of two loops have ended, over how far the second has come from the start."""
        ended, beside, began = (
            torch.cat([one.detach().flatten() for one in network.parameters()])
            for network in (self.networks[name], self.networks[other], start)
        )
        return float((ended - beside).norm() / (beside - began).norm())


class Alternating(Silent):
    """After some steps of ours, each other loop takes as many, so that other work slows all of them alike."""

    def __init__(self, others: Mapping[str, Iterator[nn.Module]]) -> None:
        self.others = others
        self.seconds: dict[str, list[float]] = {name: [] for name in ("ours", *others)}
        self.networks: dict[str, nn.Module] = {}

    @contextmanager
    def task(self, name: str, total: int) -> Iterator[Advance]:
        """A task; each of its units is a step where it is an epoch."""
        self._start = time.thread_time()
        yield self._step if name.startswith("epoch ") else lambda count, text="": None

    def _step(self, count: int, text: str = "") -> None:
        ended = time.thread_time()
        self.seconds["ours"].append(ended - self._start)
        if len(self.seconds["ours"]) % TURN == 0:
            for name, other in self.others.items():
                self._turn(name, other)
        self._start = time.thread_time()

    def _turn(self, name: str, other: Iterator[nn.Module]) -> None:
        for _ in range(TURN):
            began = time.thread_time()
            self.networks[name] = next(other)
            self.seconds[name].append(time.thread_time() - began)

    def found(self, network: nn.Module) -> Beside:
        """The times, and the networks: ours, and what the others have last shown."""
        seconds = {name: np.array(own) for name, own in self.seconds.items()}
        return Beside(seconds, {"ours": network, **self.networks})


def beside(material: Material, folder: Path, others: Mapping[str, Iterator[nn.Module]]) -> Beside:
    """Train the recipe to a run, and the others along with it."""
    watch = Alternating(others)
    run = dn.train(material.recipe, material.screen, folder, device="cpu", observer=watch)
    return watch.found(read_bundle(run.bundle, installed()).network)
