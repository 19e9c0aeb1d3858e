"""Assignment on the layout of RxRx1: what each step is worth, how sure arrangements are, and how long it takes.

Run `make bench-assignment`, or `python benchmarks/assignment.py`; prints a table with what each figure must
reach, and writes `benchmarks/results/assignment.json`. Logits are simulated, N(0, 1) and a lead δ of the true
class; plates and wells are the treatments of all 18 test experiments. Seconds are those of one core.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path

from assigning.accuracy import accuracy_rows, soft_rows
from assigning.arrangements import found_rows
from assigning.beliefs import belief_rows, beliefs
from assigning.layout import find_groups, full_plates, read_wells, real_plates
from assigning.speed import balancing_rows, large_rows, screen_rows
from bars import Row, missed, show
from machine import measured_on
from threadpoolctl import threadpool_limits

from deepnoise.console import print_note

TITLE = "Assignment, simulated logits on RxRx1's layout"
RESULT = Path(__file__).parent / "results" / "assignment.json"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=96, help="experiments for each rate of arrangements")
    parser.add_argument("--experiments", type=int, default=60, help="experiments for each noise and lead")
    parser.add_argument("--plates", type=int, default=6, help="plates that are balanced step by step, for each δ")
    parser.add_argument("--seeds", type=int, default=4, help="draws of the four full experiments")
    parser.add_argument("--part", help="one part alone, without a result file: " + ", ".join(PARTS))
    options = parser.parse_args()
    with threadpool_limits(1):
        if options.part:
            show(TITLE, list(PARTS[options.part](options)))
            return
        parts = {name: list(_told(name, part(options))) for name, part in PARTS.items()}
    rows = [row for part in parts.values() for row in part]
    result = {
        "rows": rows,
        "beliefs": [asdict(one) for one in options.beliefs],
        "trials": options.trials,
        "plates_balanced": options.plates,
        **measured_on("deepnoise", "numpy", "scipy"),
    }
    RESULT.write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n")
    show(TITLE, rows)
    sys.exit(missed(rows))


def _accuracy(options: argparse.Namespace) -> Iterator[Row]:
    wells = read_wells()
    groups = find_groups(wells)
    yield from accuracy_rows(full_plates(groups, 4), "4 full experiments", range(options.seeds))
    yield from accuracy_rows(real_plates(wells, groups), "18 test experiments", range(1))


def _soft(_: argparse.Namespace) -> Iterator[Row]:
    wells = read_wells()
    yield from soft_rows(real_plates(wells, find_groups(wells)), (2.0, 3.0, 4.0))


def _arrangements(options: argparse.Namespace) -> Iterator[Row]:
    groups = find_groups(read_wells())
    yield from found_rows(groups, options.trials)
    options.beliefs = list(beliefs(groups, options.experiments))
    yield from belief_rows(options.beliefs)


def _speed(options: argparse.Namespace) -> Iterator[Row]:
    wells = read_wells()
    layout = real_plates(wells, find_groups(wells))
    yield from screen_rows(layout)
    yield from large_rows()
    yield from balancing_rows(layout, (2.5, 3.0), options.plates)


PARTS: dict[str, Callable[[argparse.Namespace], Iterator[Row]]] = {
    "accuracy": _accuracy,
    "soft": _soft,
    "arrangements": _arrangements,
    "speed": _speed,
}


def _told(name: str, rows: Iterator[Row]) -> Iterator[Row]:
    start = time.perf_counter()
    yield from rows
    print_note(f"{name}: {time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
