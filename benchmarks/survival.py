"""What is left of trainings, packs and predictions that are stopped at random moments: nothing may be lost.

1. A run of 40 steps is stopped after each of them and resumed, with supervised, mean-teacher and pseudo-label
   strategies, from memory and from files read by one and by two threads: weights, teacher, optimiser and metrics
   must be those of the run that nobody stopped, bit for bit.
2. Processes that train, pack and predict are killed (SIGKILL) at random moments until they end: the newest
   checkpoint must always be whole, at most the step at hand lost, and the result the same bytes.
3. Trainings are asked to stop by SIGINT and SIGTERM at random moments: they must save, say how to go on, and end
   with 130 and 143.

Run `python benchmarks/survival.py`; half an hour on one core. Writes `benchmarks/results/survival.json`.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from machine import measured_on
from surviving.killing import asked_to_stop, killed_trainings, killed_until_there
from surviving.processes import Forks
from surviving.trainings import READERS, STEPS, STRATEGIES, reading_by, same, trained

from deepnoise.api import installed
from deepnoise.simulation import simulated_screen, write_simulated
from deepnoise.training import Run, resume_run
from deepnoise_core.engine.checkpoints import saved_steps
from deepnoise_core.engine.observation import Silent

RESULT = Path(__file__).parent / "results" / "survival.json"


PARTS = ("resumed", "training killed", "packing killed", "predicting killed", "asked to stop")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--every", type=int, default=1, help="stop after every how many steps")
    parser.add_argument("--kills", type=int, default=300)
    parser.add_argument("--signals", type=int, default=60)
    parser.add_argument(
        "--only", choices=PARTS, help="measure one part again, and keep what is known of the others"
    )
    parser.add_argument("--out", type=Path, default=RESULT)
    wanted = parser.parse_args()
    torch.set_num_threads(1)
    known = json.loads(wanted.out.read_text()) if wanted.only else {}
    with tempfile.TemporaryDirectory() as name:
        found = {part: known.get(part) for part in PARTS} | measured(wanted, Path(name))
    record = {**measured_on("deepnoise", "torch"), "steps": STEPS, **found}
    wanted.out.write_text(json.dumps(record, indent=2) + "\n")
    print(json.dumps(found, indent=2))


def measured(wanted: argparse.Namespace, work: Path) -> dict[str, Any]:
    """What came of each part that is wanted."""
    screen = work / "screen"
    write_simulated(simulated_screen("tiny", seed=0), screen, Silent())
    whole = {one: trained(screen, work / "whole" / one.replace(" ", "-"), one) for one in STRATEGIES}
    model, kills = whole["mean teacher"].path, wanted.kills // 5
    with Forks(work / "log") as forks:
        parts: dict[str, Callable[[], Any]] = {
            "resumed": lambda: resume_matrix(whole, work, wanted.every),
            "training killed": lambda: killed_trainings(forks, whole, screen, work, wanted.kills - 2 * kills),
            "packing killed": lambda: killed_until_there(forks, work / "pack", kills, "pack", screen),
            "predicting killed": lambda: killed_until_there(
                forks, work / "predictions", kills, "predict", model, screen
            ),
            "asked to stop": lambda: asked_to_stop(forks, whole["pseudo-labels"], screen, work, wanted.signals),
        }
        return {name: part() for name, part in parts.items() if wanted.only in (None, name)}


def resume_matrix(whole: dict[str, Run], work: Path, every: int) -> list[dict[str, Any]]:
    """Each strategy and way of reading, stopped after each step and resumed."""
    rows = []
    for strategy, run in whole.items():
        for reader, threads in READERS.items():
            stops, alike = range(1, STEPS + 1, every), 0
            for step in stops:
                halted = work / "halted"
                shutil.copytree(run.path, halted)
                shutil.rmtree(halted / "bundle")
                for later in saved_steps(halted / "checkpoints"):
                    if later > step:
                        shutil.rmtree(halted / "checkpoints" / f"step-{later:08}")
                with reading_by(threads):
                    resume_run(halted, None, installed(), device="cpu")
                alike += same(halted, run.path)
                shutil.rmtree(halted)
            rows.append({"strategy": strategy, "images": reader, "stops": len(stops), "same bits": alike})
            print(rows[-1], flush=True)
    return rows


if __name__ == "__main__":
    main()
