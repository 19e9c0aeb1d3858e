"""What one step of a teacher's average costs, against bare torch over the same tensors and against a plain loop.

Run `python benchmarks/ema.py`; prints ratios and writes `benchmarks/results/ema.json`. The three take turns in
every round, in changing order, so that other work on the machine slows all of them; the best of each counts.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import timm
import torch
from machine import measured_on
from torch import nn

from deepnoise_core.engine.ema import RunningAverage, clone_teacher

RESULT = Path(__file__).parent / "results" / "ema.json"
NETWORKS = ("mobilenetv3_small_100", "densenet121", "resnet50")
"""About 2.5, 8 and 25 million parameters."""
ROUNDS, WARM_UP, DECAY = 30, 3, 0.999


def main() -> None:
    torch.set_num_threads(1)
    results = {name: measured(timm.create_model(name)) for name in NETWORKS}
    for name, result in results.items():
        print(
            f"{name}, {result['parameters'] / 1e6:.1f}M parameters: {result['milliseconds']['ours']:.2f} ms, "
            f"{result['of_bare']:.2f} x one bare _foreach_lerp_, "
            f"{result['loop_over_ours']:.1f} times as fast as a loop that allocates"
        )
    record = {
        "networks": results,
        "rounds": ROUNDS,
        "threads": 1,
        **measured_on("deepnoise", "torch"),
    }
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    RESULT.write_text(json.dumps(record, indent=2) + "\n")


def measured(student: nn.Module) -> dict[str, float | dict[str, float]]:
    """Best times of one step, and their ratios."""
    teacher = clone_teacher(student)
    average = RunningAverage(teacher, student, "own")
    mine, theirs = list(teacher.parameters()), list(student.parameters())

    def bare() -> None:
        torch._foreach_lerp_(mine, theirs, 1.0 - DECAY)

    def loop() -> None:
        for target, source in zip(mine, theirs, strict=True):
            target.copy_(DECAY * target + (1.0 - DECAY) * source)

    best = best_times({"ours": lambda: average.move(DECAY), "bare": bare, "loop": loop})
    return {
        "parameters": sum(parameter.numel() for parameter in mine),
        "tensors": len(mine),
        "milliseconds": {name: round(1e3 * seconds, 4) for name, seconds in best.items()},
        "of_bare": round(best["ours"] / best["bare"], 3),
        "loop_over_ours": round(best["loop"] / best["ours"], 3),
    }


@torch.no_grad()
def best_times(contenders: dict[str, Callable[[], None]]) -> dict[str, float]:
    """Seconds of each contender's best round."""
    best = dict.fromkeys(contenders, float("inf"))
    for number in range(WARM_UP + ROUNDS):
        names = list(contenders)
        turn = number % len(names)
        for name in names[turn:] + names[:turn]:
            start = time.perf_counter()
            contenders[name]()
            seconds = time.perf_counter() - start
            if number >= WARM_UP:
                best[name] = min(best[name], seconds)
    return best


if __name__ == "__main__":
    main()
