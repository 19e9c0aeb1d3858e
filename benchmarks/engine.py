"""Whether our loop wastes anything: beside loops of the same maths written by hand, and those of others.

Run `make bench-engine`, or `python benchmarks/engine.py`; prints a table with what each row must reach, and
writes `benchmarks/results/engine.json`. Loops take turns, so that other work on the machine slows all alike.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

import torch
from bars import Row, at_least, at_most, show, shown
from loops import bare, frameworks
from loops.material import Material, material, packed_screen
from loops.ours import beside
from loops.precision import fixed_and_chosen
from loops.predicting import BACKBONE, TIMES, peak_memory, speed_beside_forward
from loops.saving import seconds_of_a_state
from loops.tiny import tiny_steps
from machine import measured_on
from torch import nn

from deepnoise_core.contracts import CheckpointOptions, Screen

RESULT = Path(__file__).parent / "results" / "engine.json"
SMALL_STEPS, STEP_ROUNDS, TINY_STEPS, TINY_ROUNDS, ROUNDS = 160, 5, 300, 5, 7
SAME_STEPS, ROUNDING = 10, 1e-4
SMALL = "backbone={name: timm, options: {model: test_resnet}}"


def main() -> None:
    torch.set_num_threads(1)
    frameworks.install()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        packs = {side: packed_screen(folder / f"{side}", side) for side in (16, 32, 64)}
        rows = [
            *steps(packs[32], folder),
            *tiny(packs[16], folder),
            *predictions(packs[64], folder / "32"),
            *precisions(packs[64]),
            *states(packs[32], folder / "states"),
        ]
    show("Our engine", rows)
    record = {
        "rows": rows,
        "threads": 1,
        **measured_on("deepnoise", "torch", "timm", "accelerate", lightning=frameworks.LIGHTNING),
    }
    RESULT.write_text(json.dumps(record, indent=2, ensure_ascii=False) + "\n")


def steps(screen: Screen, folder: Path) -> list[Row]:
    """Steps of a small network, supervised and with a mean teacher."""
    rows = []
    for name, strategy, loop in (
        ("supervised", "strategy=supervised", bare.supervised),
        ("mean teacher", bare.MEAN_TEACHER, bare.mean_teacher),
    ):
        apart = _apart(material(screen, SAME_STEPS, 8, strategy, SMALL), folder / f"{name} same", loop)
        made = material(screen, SMALL_STEPS, 8, strategy, SMALL)
        found = [
            beside(made, folder / f"{name} {number}", {"bare": loop(made), "fused": loop(made, fused=True)})
            for number in range(STEP_ROUNDS)
        ]
        ratios = {other: [one.ratio("ours", other) for one in found] for other in ("bare", "fused")}
        rows += [
            shown(f"weights after {SAME_STEPS} steps, ours from bare, {name}, over the way to them", apart),
            shown(f"bare step, {name}, in ms", 1e3 * min(one.typical("bare") for one in found)),
            at_most(f"our step / bare step, {name}", min(ratios["bare"]), 1.03),
            at_most(f"our step / bare step with our optimizer, {name}", min(ratios["fused"]), 1.03),
            shown(f"the same, by the median of {STEP_ROUNDS} rounds", median(ratios["fused"])),
        ]
    return rows


def _apart(made: Material, folder: Path, loop: Callable[..., Iterator[nn.Module]]) -> float:
    """How far apart ours and the bare loop end, which is no more than rounding where their maths are the same."""
    apart = beside(made, folder, {"bare": loop(made, fused=True)}).distance("ours", "bare", made.student)
    if apart > ROUNDING:
        raise RuntimeError(f"the loops do not do the same maths: their weights end {apart:.2g} apart")
    return apart


def tiny(screen: Screen, folder: Path) -> list[Row]:
    """What a loop adds to a step that is hardly any work."""
    found = [tiny_steps(screen, folder / f"tiny-{number}", TINY_STEPS) for number in range(TINY_ROUNDS)]
    rounds = {name: [1e6 * one.typical(name) for one in found] for name in found[0].seconds}

    def added(name: str, other: str, over: Callable[[list[float]], float]) -> float:
        return over(rounds[name]) - over(rounds[other])

    return [
        shown("bare tiny step, in µs", min(rounds["bare"])),
        shown("the same with our optimizer, in µs", min(rounds["bare, fused"])),
        at_most("ours adds to it with our optimizer, in µs", added("ours", "bare, fused", min), 150),
        shown(f"the same, by the medians of {TINY_ROUNDS} rounds", added("ours", "bare, fused", median)),
        shown("accelerate adds to the bare one, in µs", added("accelerate", "bare", min)),
        shown("Lightning adds to the bare one, in µs", added("Lightning", "bare", min)),
    ]


def predictions(screen: Screen, pack: Path) -> list[Row]:
    """Speed and memory of prediction from a pack."""
    speed = speed_beside_forward(material(screen, 1, 8, "strategy=supervised", BACKBONE), 3 * ROUNDS)
    memory = peak_memory(pack, TIMES) / peak_memory(pack, 1)
    return [
        at_least("sites a second, predict / bare forward pass, DenseNet-121", speed, 0.95),
        at_most(f"memory of predict, {TIMES} times the sites", memory, 1.05),
    ]


def precisions(screen: Screen) -> list[Row]:
    """Speed of what `precision: auto` takes, beside all fixed choices."""
    made = material(screen, 2000, 8, "strategy=supervised", BACKBONE, "train.precision=auto")
    rates, chosen = fixed_and_chosen(made)
    best = max(rates.values())
    rows = [shown(f"DenseNet-121 in {way.way} / the best choice", rate / best) for way, rate in rates.items()]
    taken = at_least(f"the same by precision: auto, which takes {chosen.way}", rates[chosen] / best, 0.95)
    return [*rows, taken]


def states(screen: Screen, folder: Path) -> list[Row]:
    """Share of the time between two states that saving one takes."""
    took = seconds_of_a_state(material(screen, 1, 8, "strategy=supervised", BACKBONE), folder, ROUNDS)
    every = 60 * CheckpointOptions().minutes
    return [at_most("time for states of DenseNet-121 with its teacher, in %", 100 * took / (took + every), 1)]


if __name__ == "__main__":
    main()
