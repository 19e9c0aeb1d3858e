"""Prediction from a pack: its speed beside the bare forward pass, and its memory."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

import numpy as np
import torch

from deepnoise_core.engine.prediction import predict_rows
from loops.material import Material, material

BATCH, BATCHES, FEW, TIMES = 32, 8, 480, 10
BACKBONE = "backbone={name: densenet121}"


def speed_beside_forward(made: Material, rounds: int) -> float:
    """Sites a second of our prediction, over those of the bare forward pass over images that are ready.

    A second is one of work, of all threads, so that what reads ahead counts too. It is the median of rounds, in
    each of which one follows the other.
    """
    network, store = made.network().eval(), made.inputs.store
    rows = np.resize(np.arange(len(made.screen)), BATCHES * BATCH)
    ready = [made.inputs.clean(store.read(part), part).images for part in np.split(rows, BATCHES)]
    ratios = []
    for _ in range(rounds):
        began = time.process_time()
        predict_rows(network, made.inputs, rows, batch_size=BATCH)
        ours, began = time.process_time() - began, time.process_time()
        with torch.inference_mode():
            for images in ready:
                network(images)
        ratios.append((time.process_time() - began) / ours)
    return median(ratios)


def peak_memory(pack: Path, times: int) -> float:
    """Largest memory in bytes of a process that predicts this many times `FEW` sites."""
    command = [sys.executable, "-m", "loops.predicting", str(pack), str(times)]
    done = subprocess.run(command, cwd=Path(__file__).parents[1], capture_output=True, text=True, check=True)
    return float(json.loads(done.stdout.splitlines()[-1]))


def main(pack: str, times: str) -> None:
    import deepnoise as dn

    torch.set_num_threads(1)
    made = material(dn.open_screen(pack), 1, 8, "strategy=supervised")
    rows = np.tile(np.arange(len(made.screen)), FEW // len(made.screen) * int(times))
    predict_rows(made.network(), made.inputs, rows, batch_size=BATCH)
    print(1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)


if __name__ == "__main__":
    main(*sys.argv[1:])
