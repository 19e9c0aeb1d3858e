"""DeepNoise's score ladder on a simulated screen whose truth is known: what each ingredient is worth.

Run `make bench-ladder`, or `python benchmarks/ladder.py`; prints the table, and writes `ladder.json` and
`ladder.png` to `benchmarks/results/`. Finished trainings are kept in `benchmarks/.ladder/` by the hash of
recipe and screen, so that a run that was stopped goes on.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np
from climb.figures import Height, step_between
from climb.heights import height_of
from climb.picture import draw_ladder
from climb.rungs import RUNGS
from climb.runs import finished, screen_key, trainings, workers
from machine import measured_on

from deepnoise.console import percent, print_note, print_table

HERE = Path(__file__).parent
CACHE = HERE / ".ladder"
STAGES = ("raw", "group", "assigned")
FIRST_SEED = 2  # 0 and 1 were looked at when the screen was sized


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3, help="screens and trainings, each with its own seed")
    parser.add_argument("--jobs", type=int, default=2, help="trainings side by side, of one thread each")
    options = parser.parse_args()
    seeds, started = range(FIRST_SEED, FIRST_SEED + options.seeds), time.perf_counter()
    CACHE.mkdir(exist_ok=True)
    wanted = trainings(RUNGS, seeds)
    for number, one in enumerate(finished(wanted, CACHE, options.jobs), start=1):
        minutes = (time.perf_counter() - started) / 60
        print_note(f"{number}/{len(wanted)} trainings, {minutes:.0f} min: {' '.join(one.changes)}")
    with workers(options.jobs) as pool:
        measured = [[pool.submit(height_of, rung, seed, CACHE) for seed in seeds] for rung in RUNGS]
        heights = [[one.result() for one in own] for own in measured]
    result = {
        "screen": screen_key(),
        "rungs": rows(heights),
        "climb": gain(heights[0], heights[-1], "raw", "assigned"),
        **measured_on("deepnoise", "torch", "timm", "numpy"),
    }
    (HERE / "results" / "ladder.json").write_text(json.dumps(result, indent=2) + "\n")
    draw_ladder(result["rungs"], HERE / "results" / "ladder.png")
    show(result["rungs"], len(seeds))
    print_note(f"the whole climb, raw baseline to assigned ensemble: {signed(result['climb'])}")


def rows(heights: list[list[Height]]) -> list[dict[str, object]]:
    """Each rung's figures, and its gain over the rung that it stands on."""
    made, below = [], None
    by_name = {rung.name: own for rung, own in zip(RUNGS, heights, strict=True)}
    for rung, own in zip(RUNGS, heights, strict=True):
        lower = by_name[rung.over] if rung.over else below
        made.append(
            {
                "name": rung.name,
                "beside": rung.beside,
                "published": rung.published,
                "sets": list(rung.sets),
                "folds": rung.folds,
                **{stage: [one.accuracy[stage] for one in own] for stage in STAGES},
                "gain": None if lower is None else gain(lower, own, "raw", "raw"),
                "over": rung.over,
                "seconds": float(np.mean([one.seconds for one in own])),
            }
        )
        below = below if rung.beside else own
    return made


def gain(lower: list[Height], upper: list[Height], lower_stage: str, upper_stage: str) -> dict[str, float]:
    """A gain and the bounds of its 95 % interval."""
    mean, low, high = step_between(lower, upper, lower_stage, upper_stage)
    return {"mean": mean, "low": low, "high": high}


def show(made: list[dict[str, object]], seeds: int) -> None:
    """The ladder as a table."""
    cells = [
        [
            str(row["name"]),
            *(spread(row[stage]) for stage in STAGES),  # type: ignore[arg-type]
            signed(row["gain"]) if row["gain"] else "",  # type: ignore[arg-type]
            f"{row['published']:g} %" if row["published"] else "",
            f"{row['seconds']:.0f} s",
        ]
        for row in made
    ]
    title = f"Held-out accuracy, mean ± sd of {seeds} seeds"
    print_table(title, ["rung", *STAGES, "raw gain, 95 %", "slides", "training"], cells)


def spread(values: list[float]) -> str:
    """Mean ± standard deviation over seeds."""
    return f"{percent(float(np.mean(values)))} ± {100 * float(np.std(values, ddof=1)):.1f}"


def signed(one: dict[str, float]) -> str:
    """A gain in points, with its interval."""
    return f"{100 * one['mean']:+.1f} [{100 * one['low']:+.1f}, {100 * one['high']:+.1f}]"


if __name__ == "__main__":
    main()
