"""Sites a second that the simulator renders, 64 x 64 x 6, on one and on two threads.

Run `python benchmarks/simulator.py`; prints the figures and writes `benchmarks/results/simulator.json`.
"""

from __future__ import annotations

import json
import time
from pathlib import Path

from machine import measured_on

from deepnoise_core.data.simulator import PRESETS, LayoutOptions, simulate

RESULT = Path(__file__).parent / "results" / "simulator.json"
WORKERS = (1, 2)
ROUNDS = 3


def main() -> None:
    experiments = {"HEPG2": 1, "HUVEC": 1, "RPE": 1, "U2OS": 1}
    layout = LayoutOptions(train_experiments=experiments, test_experiments={}, group_size=30, positive_controls=4)
    options = PRESETS["demo"].model_copy(update={"layout": layout})
    rates = dict.fromkeys(WORKERS, 0.0)
    for _ in range(ROUNDS):
        for workers in WORKERS:
            start = time.perf_counter()
            screen = simulate(options, 0, workers=workers)
            rates[workers] = max(rates[workers], len(screen) / (time.perf_counter() - start))
    for workers, rate in rates.items():
        print(f"{workers} worker(s): {rate:.0f} sites/s")
    print(f"2 workers / 1 worker: {rates[2] / rates[1]:.2f}")
    result = {
        "shape": list(screen.store.shape),
        "sites": len(screen),
        "sites_per_second": {str(workers): round(rate, 1) for workers, rate in rates.items()},
        **measured_on("deepnoise", "numpy"),
    }
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    RESULT.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
