"""What strategies make of 40 labels: scikit-learn's digits, four seeds, and loops written by hand beside them.

Run `make bench-semi`, or `python benchmarks/semi.py [METHOD…]`; prints accuracy on 500 images that nothing learns
from, of the student and of the published network, and writes `benchmarks/results/semi.json`. A training takes a
minute or less; finished ones are kept in `benchmarks/.semi/` by their settings: a run that was stopped goes on.

Bars: supervision near 0.87, mean teacher and FixMatch at 0.92 or more, all others 4 points above supervision.
"""

from __future__ import annotations

import hashlib
import json
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from few_labels.digits import CLASSES, digits
from few_labels.network import small_network
from few_labels.plain import VIEWS, train_plainly
from few_labels.rounds import train_in_rounds
from few_labels.training import strategy_named, trained
from machine import measured_on

from deepnoise.console import print_table
from deepnoise_core.data.randomness import derive_seed
from deepnoise_core.engine.classifier import Classifier

HERE = Path(__file__).parent
CACHE, RESULT = HERE / ".semi", HERE / "results" / "semi.json"
SEEDS, EPOCHS, STEPS_PER_EPOCH, LR, GAIN = 4, 12, 100, 0.05, 0.04

AVERAGE = {"ema": 0.99}
TEACHER = {
    "consistency": 50.0,
    "ramp": "sigmoid",
    "ramp_share": 0.4,
    "decay": [[0.0, 0.99]],
    "buffers": "copy",
    "supervised_view": "weak",
    "student_view": "noisy",
    "teacher_view": "noisy-too",
}
METHODS: dict[str, tuple[str, dict[str, Any]]] = {
    "supervised": ("supervised", {"view": "weak"}),
    "fixmatch": ("fixmatch", AVERAGE),
    "freematch": ("freematch", AVERAGE),
    "softmatch": ("softmatch", AVERAGE),
    "uda": ("uda", AVERAGE),
    "pseudo-label": ("pseudo-label", AVERAGE),
    "noisy-student": ("noisy-student", AVERAGE),
    "mean-teacher": ("mean-teacher", TEACHER),
    "mean-teacher, kl": ("mean-teacher", {**TEACHER, "distance": "kl", "consistency": 5.0}),
}
IN_ROUNDS = {"noisy-student, a new one each round": 4}
PLAIN = {f"{name}, by hand": name for name in VIEWS}
EXPLANATIONS = {
    "noisy-student": "one student goes on through all rounds, in the steps of one training; as published, a new "
    "one is trained in each: that is the row below, of four trainings",
    "noisy-student, a new one each round": "its last student reaches the bar; the average, at this decay, lags",
}


def main() -> None:
    torch.set_num_threads(1)
    CACHE.mkdir(exist_ok=True)
    wanted = sys.argv[1:] or [*METHODS, *IN_ROUNDS, *PLAIN]
    table = {}
    for name in wanted:
        runs = [finished(name, seed) for seed in range(SEEDS)]
        table[name] = {which: _spread(run[which] for run in runs) for which in ("student", "published")}
        print(name, *(f"{which} {mean:.3f} ± {sd:.3f}" for which, (mean, sd) in table[name].items()), flush=True)
    show(table)
    if not sys.argv[1:]:
        write(table)


def finished(name: str, seed: int) -> dict[str, float]:
    """Accuracy after one training, from the cache where it was done before."""
    settings = METHODS.get(name) or (
        ("rounds", IN_ROUNDS[name]) if name in IN_ROUNDS else ("by hand", PLAIN[name])
    )
    key = json.dumps([settings, seed, EPOCHS, STEPS_PER_EPOCH, LR], sort_keys=True)
    kept = CACHE / f"{hashlib.sha256(key.encode()).hexdigest()[:16]}.json"
    if kept.exists():
        return json.loads(kept.read_text())
    started = time.perf_counter()
    measured = train(name, seed)
    kept.write_text(json.dumps({**measured, "seconds": time.perf_counter() - started, "settings": key}))
    return measured


def train(name: str, seed: int) -> dict[str, float]:
    """Accuracy of the student and of the published network after one training."""
    data = digits(seed)
    torch.manual_seed(derive_seed(seed, "dropout"))
    student = start(seed)
    if name in IN_ROUNDS:
        student, published = train_in_rounds(
            lambda number: start(seed, *([number] if number else [])),
            data,
            rounds=IN_ROUNDS[name],
            lr=LR,
            epochs=EPOCHS,
            steps_per_epoch=STEPS_PER_EPOCH,
        )
    elif name in PLAIN:
        published = train_plainly(PLAIN[name], student, data, steps=EPOCHS * STEPS_PER_EPOCH, lr=LR)
    else:
        strategy = strategy_named(*METHODS[name])
        steps = trained(
            strategy,
            student,
            data.pool(),
            lambda step: data.batch(step, strategy.views),
            data.predict,
            lr=LR,
            epochs=EPOCHS,
            steps_per_epoch=STEPS_PER_EPOCH,
        )
        for _ in steps:
            pass
        published = strategy.inference_model()
    return {"student": data.accuracy(student), "published": data.accuracy(published)}


def start(seed: int, *number: int) -> Classifier:
    """The network at its start."""
    return small_network(1, CLASSES, derive_seed(seed, "weights", *number), dropout=0.3)


def show(table: dict[str, dict[str, tuple[float, float]]]) -> None:
    """Print the table, with each method's gain over supervision."""
    base = table.get("supervised", {}).get("student", (float("nan"), 0.0))[0]
    rows = [
        [name, *(f"{mean:.3f} ± {sd:.3f}" for mean, sd in row.values()), f"{row['published'][0] - base:+.3f}"]
        for name, row in table.items()
    ]
    title = f"accuracy with {len(digits(0).labelled)} labels, {SEEDS} seeds"
    print_table(title, ["method", "student", "published", "gain"], rows)


def write(table: dict[str, dict[str, tuple[float, float]]]) -> None:
    """Write the result file."""
    base = table["supervised"]["student"][0]
    result = {
        "seeds": SEEDS,
        "accuracy": table,
        "below_bar": {
            name: EXPLANATIONS.get(name, "")
            for name, row in table.items()
            if not name.startswith("supervised") and row["published"][0] < base + GAIN
        },
        "settings": {name: options for name, (_, options) in METHODS.items()},
        **measured_on("deepnoise", "torch", "numpy", "scikit-learn"),
    }
    RESULT.write_text(json.dumps(result, indent=2) + "\n")


def _spread(values: Iterable[float]) -> tuple[float, float]:
    found = np.array(list(values))
    return float(found.mean()), float(found.std(ddof=1))


if __name__ == "__main__":
    main()
