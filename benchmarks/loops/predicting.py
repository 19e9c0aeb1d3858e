"""Prediction from a pack: its speed beside the bare forward pass, and its memory."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import torch

from deepnoise_core.engine.prediction import predict_rows
from loops.material import Material, material

BATCH, FEW, TIMES = 32, 480, 10
BACKBONE = "backbone={name: densenet121}"


def throughput(made: Material, rounds: int) -> tuple[float, float]:
    """Sites a second of our prediction and of the bare forward pass over images that are ready, the best rounds.

    A second is one of work, of all threads, so that what reads ahead counts too.
    """
    network, rows = made.network().eval(), np.arange(2 * BATCH)
    store = made.inputs.store
    ready = [made.inputs.clean(store.read(part), part).images for part in np.split(rows, 2)]
    ours, bare = [], []
    for _ in range(rounds):
        began = time.process_time()
        predict_rows(network, made.inputs, rows, batch_size=BATCH)
        ours.append(time.process_time() - began)
        began = time.process_time()
        with torch.inference_mode():
            for images in ready:
                network(images)
        bare.append(time.process_time() - began)
    return len(rows) / min(ours), len(rows) / min(bare)


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
