"""Which precision and order of images a network learns fastest in on this machine, by a few steps of each."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
import torch

from deepnoise_core.contracts import Scored, TrainOptions
from deepnoise_core.engine.devices import Hardware
from deepnoise_core.engine.job import TrainingJob, planned_steps
from deepnoise_core.engine.losses import hard_targets
from deepnoise_core.engine.processes import numbers_of_all

LEAST_STEPS = 1000
"""Of a training that is worth a probe, which takes the time of some twenty of them at most."""
MARGIN = 1.25
"""How much faster than the usual way another must be: by less, the next probe might find otherwise."""
_SECONDS, _ROUNDS = 3.0, range(3, 8)
_PIXELS = 2 * 128**2
"""Of the probe's images on a CPU, of which a few are as good as a batch."""


@dataclass(frozen=True)
class Probe:
    """What was measured.

    Attributes:
        chosen: the hardware with its precision and order of images.
        rates: way, such as `bf16, contiguous` → images a second that were learned from.
    """

    chosen: Hardware
    rates: Mapping[str, float]


def probe(job: TrainingJob, hardware: Hardware) -> Probe | None:
    """Learn from random images in each way that the plan leaves open; changes nothing of the job.

    Of several processes all must call this, and take what the first one finds.

    Args:
        job: its student is copied.
        hardware: in the usual way, which stays unless another is `MARGIN` times as fast.

    Returns:
        None where the plan leaves no choice or has fewer than `LEAST_STEPS` steps, or memory is too small.
    """
    ways = list(open_ways(job.plan, hardware))
    if len(ways) == 1 or _steps(job) < LEAST_STEPS:
        return None
    devices = [hardware.device] if hardware.device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        try:
            rates = rates_of({way: learner(job, way) for way in ways}, hardware.device)
        except torch.OutOfMemoryError:  # training makes parts of its batches then
            return None
    size = _batch(job, hardware)
    best = max(rates, key=lambda way: rates[way])
    own = ways.index(best if rates[best] > MARGIN * rates[hardware] else hardware)
    chosen = ways[numbers_of_all(own)[0][0]]
    return Probe(chosen, {way.way: size * rate for way, rate in rates.items()})


def open_ways(plan: TrainOptions, hardware: Hardware) -> Iterator[Hardware]:
    """The usual way first, then all others in which the plan and the device allow to learn."""
    half = hardware.precision == "bf16" or (hardware.device.type == "cpu" and _has_bfloat16())
    others = ("fp32", "bf16") if half else ("fp32",)
    precisions = dict.fromkeys([hardware.precision, *(others if plan.precision == "auto" else ())])
    formats = dict.fromkeys([hardware.memory_format, *(("contiguous",) if plan.memory_format == "auto" else ())])
    for precision, memory_format in product(precisions, formats):
        yield replace(hardware, precision=precision, memory_format=memory_format)


def learner(job: TrainingJob, hardware: Hardware) -> Callable[[], None]:
    """One pass forward and back with random images, by a copy of the job's student."""
    student = hardware.placed(copy.deepcopy(job.student)).train()
    size, side, channels = _batch(job, hardware), _side(job), job.inputs.store.shape[0]
    generator = np.random.default_rng(0)

    def normal(*shape: int) -> torch.Tensor:
        return torch.from_numpy(generator.standard_normal(shape, dtype=np.float32)).to(hardware.device)

    images = normal(size, channels, side, side).contiguous(memory_format=hardware.layout)
    condition = normal(size, student.num_conditions) if student.num_conditions else None
    targets = hard_targets(torch.arange(size, device=hardware.device) % student.num_classes)

    def learn() -> None:
        with hardware.autocast():
            scored: Scored = student(images, condition, targets)
        scored.loss.mean().backward()  # type: ignore[no-untyped-call]
        student.zero_grad(set_to_none=True)

    return learn


def rates_of(learners: Mapping[Hardware, Callable[[], None]], device: torch.device) -> dict[Hardware, float]:
    """Passes a second of each, the best of several rounds in which all take turns."""
    best = dict.fromkeys(learners, float("inf"))
    began = time.perf_counter()
    for number in range(_ROUNDS.stop):
        for way, learn in learners.items():
            started = time.perf_counter()
            learn()
            if device.type == "cuda":
                torch.cuda.synchronize(device)
            # The first round chooses kernels and fills caches.
            if number:
                best[way] = min(best[way], time.perf_counter() - started)
        if number + 1 >= _ROUNDS.start and time.perf_counter() - began > _SECONDS:
            break
    return {way: 1.0 / seconds for way, seconds in best.items()}


def _has_bfloat16() -> bool:
    """Whether this CPU multiplies in bfloat16; elsewhere it is ten times slower than in float32."""
    asked = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(getattr(torch.cpu, name, bool)() for name in asked)


def _steps(job: TrainingJob) -> int:
    steps = job.plan.epochs * planned_steps(job).per_epoch
    return min(steps, job.plan.max_steps or steps)


def _batch(job: TrainingJob, hardware: Hardware) -> int:
    whole = max(2, job.plan.batch_size // job.plan.accumulate)
    if hardware.device.type != "cpu":
        return whole
    return min(whole, max(2, _PIXELS // _side(job) ** 2))


def _side(job: TrainingJob) -> int:
    return job.inputs.image_size or job.inputs.store.shape[1]
