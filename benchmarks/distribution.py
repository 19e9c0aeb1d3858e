"""How much faster two processes train than one, of one thread each, with the same batches.

Run `python benchmarks/distribution.py`, on a machine with two idle cores; prints ratios and writes
`benchmarks/results/distribution.json`. The two take turns, each as the command that a user would type; the best
epoch of each counts. Starting takes seconds more, and is not counted.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from machine import measured_on

RESULT = Path(__file__).parent / "results" / "distribution.json"
ROUNDS, EPOCHS, SIDE, BATCH = 2, 2, 128, 24
STRATEGIES = ("supervised", "mean-teacher")
NETWORK = "densenet121"


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        deepnoise("simulate", folder / "screen", "--preset", "tiny")
        results = {strategy: measured(folder, strategy) for strategy in STRATEGIES}
    for strategy, result in results.items():
        rates = f"{result['one']:.2f} and {result['two']:.2f} sites/s"
        print(f"{strategy}: {rates}, {result['ratio']:.2f} times as fast")
    record = {
        "sites_per_second": results,
        "network": NETWORK,
        "side": SIDE,
        "labelled_sites_a_step": BATCH,
        "threads_a_process": 1,
        "load_before": LOAD,
        **measured_on("deepnoise", "torch"),
    }
    RESULT.write_text(json.dumps(record, indent=2) + "\n")


def measured(folder: Path, strategy: str) -> dict[str, float]:
    """Sites a second of one process and of two, and their ratio."""
    best = {"one": 0.0, "two": 0.0}
    for round_ in range(ROUNDS):
        for name, processes in (("one", 1), ("two", 2)):
            run = folder / f"{strategy}-{name}-{round_}"
            words = [
                "--screen",
                folder / "screen",
                "--out",
                run,
                "--device",
                "cpu",
                "--processes",
                processes,
                "--set",
            ]
            sets = [
                f"strategy={strategy}",
                f"backbone={NETWORK}",
                f"data.image_size={SIDE}",
                f"train.batch_size={BATCH}",
                f"train.epochs={EPOCHS}",
                "train.precision=fp32",
            ]
            deepnoise("train", "tiny", *words, *sets)
            lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
            best[name] = max(best[name], *(line["sites_per_second"] for line in lines))
    return {**best, "ratio": best["two"] / best["one"]}


def deepnoise(*words: object) -> None:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    subprocess.run([sys.executable, "-m", "deepnoise", *map(str, words)], env=environment, check=True)


LOAD = os.getloadavg()[0]

if __name__ == "__main__":
    main()
