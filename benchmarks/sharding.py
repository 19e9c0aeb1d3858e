"""What a process holds of a network that two processes copy or divide, and how long a step takes then.

Run `python benchmarks/sharding.py`, on a machine with two idle cores; prints figures and writes
`benchmarks/results/sharding.json`. Both ways learn side by side in the same two processes of one thread each, and
take turns step by step; the best step of each counts, of the smaller network alone. Bytes are those between two
steps with AdamW.
"""

from __future__ import annotations

import json
import os
import socket
import tempfile
import time
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any, cast

import torch
from machine import measured_on
from torch import Tensor
from torch.multiprocessing.spawn import start_processes

from deepnoise_core.contracts import Batch, Pool, Progress, StepBatch, SupervisedBatch, TrainOptions, View
from deepnoise_core.engine.classifier import Classifier
from deepnoise_core.engine.devices import Hardware
from deepnoise_core.engine.divided_tensors import own_share
from deepnoise_core.engine.division import Division
from deepnoise_core.engine.joining import joined
from deepnoise_core.engine.losses import hard_targets
from deepnoise_core.engine.observation import Silent
from deepnoise_core.engine.optimization import build_optimizer
from deepnoise_core.engine.processes import is_first, process_count, wait_for_all
from deepnoise_core.engine.stepping import Stepper
from deepnoise_core.engine.timm_network import timm_network
from deepnoise_plugins.linear.head import LinearHead
from deepnoise_plugins.linear.options import LinearOptions
from deepnoise_plugins.supervised.options import SupervisedOptions
from deepnoise_plugins.supervised.strategy import Supervised

RESULT = Path(__file__).parent / "results" / "sharding.json"
NETWORKS = {"vit_small_patch16_224": 3, "vit_base_patch16_224": 0}
"""Architecture → steps whose time is taken, after the first."""
CHANNELS, SIDE, CLASSES, SITES = 6, 224, 1139, 2
"""Sites are those of a process in a step."""
HARDWARE = Hardware(torch.device("cpu"), "fp32")
WAYS = ("none", "full")


def main() -> None:
    results: dict[str, dict[str, Any]] = {}
    for name in NETWORKS:
        one, two = in_processes(name, 1), in_processes(name, 2)
        ways = {"one": one["held"]["none"], "copies": two["held"]["none"], "divided": two["held"]["full"]}
        results[name] = {"held": ways}
        for way, held in ways.items():
            parts = ", ".join(f"{part} {size / 1e6:.0f} MB" for part, size in held.items())
            print(f"{name}, {way}: {parts}; together {sum(held.values()) / 1e6:.0f} MB")
        if seconds := two["seconds"]:
            results[name] |= {"seconds": seconds, "time_ratio": seconds["full"] / seconds["none"]}
            print(f"{name}: a step takes {results[name]['time_ratio']:.2f} times as long divided as with copies")
    record = {
        "networks": results,
        "sites_a_process": SITES,
        "side": SIDE,
        "threads_a_process": 1,
        "load_before": LOAD,
        **measured_on("deepnoise", "torch"),
    }
    RESULT.write_text(json.dumps(record, indent=2) + "\n")


def in_processes(network: str, count: int) -> dict[str, dict[str, Any]]:
    """What the first of so many processes finds."""
    with socket.socket() as free, tempfile.TemporaryDirectory() as folder:
        free.bind(("127.0.0.1", 0))
        place = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free.getsockname()[1])}
        free.close()
        out = Path(folder) / "found.json"
        start_processes(_work, (count, network, place, out), nprocs=count, start_method="spawn")  # type: ignore[no-untyped-call]
        found: dict[str, dict[str, Any]] = json.loads(out.read_text())
    return found


def _work(rank: int, count: int, network: str, place: dict[str, str], out: Path) -> None:
    numbers = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": count, "LOCAL_WORLD_SIZE": count}
    os.environ.update(place | {name: str(number) for name, number in numbers.items()})
    torch.set_num_threads(1)
    with joined("cpu"):
        found = measured(network)
        if is_first():
            out.write_text(json.dumps(found))


def measured(network: str) -> dict[str, dict[str, Any]]:
    """Bytes by part, and seconds of the best step where they are taken, of each way."""
    learners = {way: Learner(network, way) for way in (WAYS if process_count() > 1 else WAYS[:1])}
    best: dict[str, float] = {}
    for number in range((NETWORKS[network] if process_count() > 1 else 0) + 1):
        for way, learner in learners.items():
            wait_for_all()
            began = time.perf_counter()
            learner.step(number)
            wait_for_all()
            if number:
                best[way] = min(best.get(way, float("inf")), time.perf_counter() - began)
    return {"held": {way: learner.held() for way, learner in learners.items()}, "seconds": best}


class Learner:
    """A network that learns from the same random images in each step."""

    def __init__(self, network: str, way: str) -> None:
        torch.manual_seed(0)
        backbone = timm_network(network, CHANNELS)
        head = LinearHead(LinearOptions(), num_features=backbone.num_features, num_classes=CLASSES)
        self.network = HARDWARE.placed(Classifier(backbone, head, CLASSES))
        plan = TrainOptions.model_validate({"sharding": way})
        strategy, accelerator = Supervised(SupervisedOptions()), HARDWARE.accelerator()
        strategy.start(self.network, cast(Pool, None))
        division = Division(plan, [self.network], HARDWARE.device, Silent())
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "`broadcast_buffers` is deprecated", FutureWarning)
            student = accelerator.prepare_model(self.network, evaluation_mode=division.divides)
        self.optimizer = build_optimizer(self.network, plan.optimizer)
        self.stepper = Stepper(accelerator, student, strategy, self.optimizer, plan, 0, Silent())
        images = torch.randn(SITES, CHANNELS, SIDE, SIDE).contiguous(memory_format=HARDWARE.layout)
        targets = hard_targets(torch.arange(SITES))
        rows = torch.arange(SITES)
        self.batch = StepBatch(SupervisedBatch(rows, View(images, None), targets), Batch(rows, {}), None)

    def step(self, number: int) -> None:
        """One step of all processes."""
        self.stepper(self.batch, Progress(0, number, 1, number + 1), 1 / process_count())

    def held(self) -> dict[str, int]:
        """Bytes that this process holds between two steps."""
        parameters = list(self.network.parameters())
        state = self.optimizer.state_dict()["state"].values()
        return {
            "weights": _bytes(parameters),
            "gradients": _bytes(one.grad for one in parameters if one.grad is not None),
            "optimizer": _bytes(one for values in state for one in values.values()),
        }


def _bytes(tensors: Iterable[Tensor]) -> int:
    return sum(one.numel() * one.element_size() for one in map(own_share, tensors))


LOAD = os.getloadavg()[0]

if __name__ == "__main__":
    main()
