"""How many sites a second networks learn from and predict, by precision and memory layout, on one device.

Run `python benchmarks/throughput.py`; prints a table and writes `benchmarks/results/throughput.json`. Sites are
random numbers on the device, 6 x 512 x 512, so that neither decoding nor copying is part of the figures: they are
what a loader must keep up with.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import torch
from machine import measured_on
from torch import Tensor, nn

from deepnoise.api import installed
from deepnoise.console import print_table
from deepnoise_core.contracts import Kind
from deepnoise_core.engine.ema import RunningAverage, clone_teacher
from deepnoise_registry.building import build
from deepnoise_registry.recipes.recipe import ComponentReference

RESULT = Path(__file__).parent / "results" / "throughput.json"
NETWORKS = ("efficientnet_b0", "densenet121", "densenet161", "xception", "xception_large")
CHANNELS = ("nuclei", "er", "actin", "nucleoli", "mitochondria", "golgi")
CLASSES = 1108
WAYS = {
    "fp32": (torch.float32, torch.contiguous_format),
    "fp32, channels last": (torch.float32, torch.channels_last),
    "bf16": (torch.bfloat16, torch.contiguous_format),
    "bf16, channels last": (torch.bfloat16, torch.channels_last),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--batch", type=int, default=32, help="sites a step")
    parser.add_argument("--size", type=int, default=512, help="pixels on a side")
    parser.add_argument("--seconds", type=float, default=1.0, help="how long each figure is measured")
    options = parser.parse_args()
    device = torch.device(options.device)
    images = torch.rand(options.batch, len(CHANNELS), options.size, options.size, device=device)
    rows = [
        {"network": name, "way": way, **rates(name, way, images, options.seconds)}
        for name in NETWORKS
        for way in WAYS
    ]
    machine = torch.cuda.get_device_name() if device.type == "cuda" else platform.processor()
    record = {
        "rows": rows,
        "device": machine,
        "batch": options.batch,
        "size": options.size,
        **measured_on("deepnoise", "torch", "timm"),
    }
    RESULT.write_text(json.dumps(record, indent=2) + "\n")
    show(rows, machine)


def rates(name: str, way: str, images: Tensor, seconds: float) -> dict[str, float]:
    """Sites a second of a training step, of a mean teacher's step, and of prediction.

    A mean teacher's step sees as many sites without labels as with; labelled ones are counted.
    """
    dtype, layout = WAYS[way]
    torch.manual_seed(0)
    backbone = build(installed(), Kind.BACKBONE, ComponentReference(name=name), channels=CHANNELS)
    student = nn.Sequential(backbone, nn.Linear(backbone.num_features, CLASSES)).to(images.device)
    student = student.to(memory_format=layout)
    teacher = clone_teacher(student)
    average = RunningAverage(teacher, student, "own")
    optimizer = torch.optim.SGD(student.parameters(), lr=1e-3, momentum=0.9, fused=images.is_cuda)
    images = images.contiguous(memory_format=layout)
    targets = torch.arange(len(images), device=images.device)
    cast = torch.autocast(images.device.type, torch.bfloat16) if dtype == torch.bfloat16 else nullcontext()

    def descend(loss: Tensor) -> None:
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()

    def learn() -> None:
        with cast:
            loss = nn.functional.cross_entropy(student(images), targets)
        descend(loss)

    def learn_from_teacher() -> None:
        with cast:
            with torch.no_grad():
                guess = teacher(images).softmax(dim=1)
            loss = nn.functional.cross_entropy(student(images), targets)
            loss = loss + (student(images).softmax(dim=1) - guess).square().mean()
        descend(loss)
        average.move(0.99)

    def predict() -> None:
        with torch.inference_mode(), cast:
            student(images)

    student.train()
    supervised = rate(learn, images, seconds)
    mean_teacher = rate(learn_from_teacher, images, seconds)
    student.eval()
    return {
        "supervised": supervised,
        "mean_teacher": mean_teacher,
        "predict": rate(predict, images, seconds),
        "gigabytes": torch.cuda.max_memory_allocated() / 1e9 if images.is_cuda else float("nan"),
    }


def rate(step: Callable[[], Any], images: Tensor, seconds: float) -> float:
    """Sites a second, of all steps that fit into the time after three that warm up."""
    wait = torch.cuda.synchronize if images.is_cuda else lambda: None
    if images.is_cuda:
        torch.cuda.reset_peak_memory_stats()
    for _ in range(3):
        step()
    wait()
    steps, start = 0, time.perf_counter()
    while (spent := time.perf_counter() - start) < seconds or steps < 3:
        step()
        wait()
        steps += 1
    return float(f"{steps * len(images) / spent:.4g}")


def show(rows: list[dict[str, Any]], machine: str) -> None:
    """The rates as a table."""
    columns = ("supervised", "mean_teacher", "predict")
    cells = [[row["network"], row["way"], *(f"{row[name]:,.0f}" for name in columns)] for row in rows]
    print_table(f"Sites a second on {machine}", ["network", "way", "train", "mean teacher", "predict"], cells)


if __name__ == "__main__":
    main()
