"""One function for each thing that a training on a GPU is held to."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import torch
from bars import Row, at_least, at_most, shown
from torch.profiler import ProfilerActivity, profile

from deepnoise_core.engine import training
from deepnoise_core.engine.ema import RunningAverage, clone_teacher
from deepnoise_core.engine.probing import probe
from on_gpu.trainings import Setting, Trained, bare, material, ours, wait

ROUNDS = 3


def loops(setting: Setting, folder: Path) -> tuple[list[Row], Trained]:
    """Our supervised step beside the bare one; the best of our trainings stands for later rows."""
    recipe = setting.recipe("supervised")
    mine, plain = [], []
    for number in range(ROUNDS):
        mine.append(ours(setting, recipe, folder / f"{number}"))
        plain.append(bare(setting, recipe))
    best = min(mine, key=lambda one: one.seconds)
    return [
        shown("our supervised step, in ms", 1e3 * best.seconds),
        at_most("our supervised step / bare step", best.seconds / min(plain), 1.02),
    ], best


def precision(setting: Setting, folder: Path, usual: Trained) -> list[Row]:
    """bf16 and channels last beside fp32 without TF32, in the usual order."""
    with _without_tf32():
        full = ours(
            setting,
            setting.recipe("supervised", "train.precision=fp32", "train.memory_format=contiguous"),
            folder / "fp32",
        )
    return [at_least("fp32 without TF32 / bf16, channels last", full.seconds / usual.seconds, 2.0)]


def teacher(setting: Setting, folder: Path, usual: Trained) -> list[Row]:
    """What its average costs of a mean teacher's step, and its memory with as many sites as supervision."""
    trained = ours(setting, setting.recipe("mean-teacher"), folder / "whole")
    half = setting.batch // 2
    same = ours(
        setting,
        setting.recipe("mean-teacher", f"train.batch_size={half}", f"train.unlabelled_batch_size={half}"),
        folder / "half",
    )
    average = RunningAverage(clone_teacher(usual.job.student), usual.job.student, "own")
    for _ in range(5):
        average.move(0.99)
    wait()
    began = time.perf_counter()
    for _ in range(100):
        average.move(0.99)
    wait()
    moving = (time.perf_counter() - began) / 100
    return [
        shown("our mean teacher's step, in ms", 1e3 * trained.seconds),
        at_most("the average's share of it, in %", 100 * moving / trained.seconds, 0.5),
        at_most("memory of a mean teacher / supervised, as many sites a step", same.peak / usual.peak, 1.6),
    ]


def occupation(setting: Setting, folder: Path) -> list[Row]:
    """Share of ten steps in which the GPU works, pixels coming from a pack."""
    kind = ProfilerActivity.CUDA if setting.device == "cuda" else ProfilerActivity.CPU
    watched, span = profile(activities=[kind]), list[float]()
    begin = setting.steps - 12

    def at_step(number: int) -> None:
        if number == begin:
            wait()
            watched.start()
            span.append(time.perf_counter())
        if number == begin + 10:
            wait()
            span.append(time.perf_counter())
            watched.stop()

    ours(setting, setting.recipe("supervised"), folder / "watched", at_step)
    name = kind.name
    worked = sorted(
        (event.time_range.start, event.time_range.end)
        for event in watched.events() or ()
        if event.device_type.name == name
    )
    share = 1e-4 * _covered(worked) / (span[1] - span[0])
    return [at_least("share of the time that the GPU works, in %", share, 95)]


def waits(setting: Setting, folder: Path) -> list[Row]:
    """Steps that wait for the GPU though nothing is shown: none may."""
    rows = []
    watch = partial(_forbid_waiting, setting)
    for strategy in ("supervised", "mean-teacher"):
        with _told_rarely():
            try:
                ours(setting, setting.recipe(strategy), folder / strategy, watch)
                found = 0
            except RuntimeError as error:
                if "synchroniz" not in str(error):
                    raise
                found = 1
            finally:
                torch.cuda.set_sync_debug_mode("default")
        rows.append(at_most(f"a step waits for the GPU, {strategy}", found, 0))
    return rows


def repeats(setting: Setting, folder: Path, usual: Trained) -> list[Row]:
    """The same training twice with deterministic kernels: the same bits, and what they cost."""
    torch.use_deterministic_algorithms(mode=True, warn_only=True)
    try:
        one, other = (ours(setting, setting.recipe("supervised"), folder / f"{number}") for number in range(2))
    finally:
        torch.use_deterministic_algorithms(mode=False)
    unlike = sum(not torch.equal(value, other.weights[name]) for name, value in one.weights.items())
    return [
        at_most("tensors that differ between two deterministic runs", unlike, 0),
        at_most("deterministic step / usual step", min(one.seconds, other.seconds) / usual.seconds, 1.15),
    ]


def compiled(setting: Setting, folder: Path, usual: Trained) -> list[Row]:
    """What `train.compile` is worth after its warm-up, how often it compiled again, and what it moves."""
    from torch._dynamo.utils import counters

    counters.clear()
    made = ours(setting, setting.recipe("supervised", "train.compile=true"), folder / "compiled")
    apart = max(
        (value.float() - usual.weights[name].float()).abs().max().item() for name, value in made.weights.items()
    )
    return [
        at_least("usual step / compiled step", usual.seconds / made.seconds, 1.15),
        at_most("compiled again", sum(counters["recompiles"].values()), 2),
        shown(f"largest difference of a weight after {setting.steps} steps in bf16", apart),
    ]


def probed(setting: Setting) -> list[Row]:
    """Images a second in each way that `precision: auto` tries, and how long that takes."""
    recipe = setting.recipe(
        "supervised", "train.precision=auto", "train.memory_format=auto", "train.max_steps=5000"
    )
    job, hardware = material(setting, recipe)
    began = time.perf_counter()
    found = probe(job, hardware)
    took = time.perf_counter() - began
    rates: Mapping[str, Any] = found.rates if found else {}
    return [
        *(shown(f"the probe's images a second, {way}", rate) for way, rate in rates.items()),
        shown("seconds of the probe", took),
    ]


def _covered(spans: list[tuple[float, float]]) -> float:
    """Length of what sorted spans cover together."""
    length, end = 0.0, float("-inf")
    for start, stop in spans:
        length += max(0.0, stop - max(start, end))
        end = max(end, stop)
    return length


def _forbid_waiting(setting: Setting, number: int) -> None:
    inside = 2 <= number < setting.steps - 1
    torch.cuda.set_sync_debug_mode("error" if inside else "default")


@contextmanager
def _told_rarely() -> Iterator[None]:
    """Losses are read for people a few times a second, which waits; not now."""
    usual, training._SHOW_EVERY_SECONDS = training._SHOW_EVERY_SECONDS, float("inf")
    try:
        yield
    finally:
        training._SHOW_EVERY_SECONDS = usual


@contextmanager
def _without_tf32() -> Iterator[None]:
    products, convolutions = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    try:
        yield
    finally:
        torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = products, convolutions
