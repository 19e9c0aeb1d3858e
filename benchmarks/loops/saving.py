"""What a state costs that a training saves."""

from __future__ import annotations

import time
from pathlib import Path

from deepnoise_core.contracts import CheckpointOptions
from deepnoise_core.engine.checkpoints import Checkpoints, State
from loops.material import Material


def seconds_of_a_state(made: Material, folder: Path, rounds: int) -> float:
    """Seconds that saving a mean teacher's state takes, the best round: two networks, and two moments of one."""
    network = made.network()
    weights = dict(network.state_dict())
    moments = {
        f"{name}.{moment}": one.clone()
        for name, one in network.named_parameters()
        for moment in ("first", "second")
    }
    checkpoints = Checkpoints(folder, CheckpointOptions())
    seconds = []
    for step in range(rounds):
        began = time.perf_counter()
        state = State(step, {"student": weights, "strategy": weights, "optimizer": moments}, {"best": {}})
        checkpoints.save(state)
        seconds.append(time.perf_counter() - began)
    return min(seconds)
