"""Runs whose network labels the pool: what their metrics say, and that a stop in the middle changes nothing."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
import torch

import deepnoise as dn
from deepnoise.api import installed
from deepnoise.simulation import simulated_screen
from deepnoise.training import resume_run
from deepnoise_core.engine.checkpoints import newest_state
from deepnoise_core.engine.observation import Silent


class Impatient(Silent):
    """Stops a run after its third epoch."""

    def epoch(self, record: Mapping[str, float]) -> None:
        if record["epoch"] == 3:
            raise KeyboardInterrupt


def states(run: Path) -> dict[str, torch.Tensor]:
    state, _ = newest_state(run / "checkpoints")
    return {
        f"{part}.{name}": tensor for part, tensors in state.tensors.items() for name, tensor in tensors.items()
    }


@pytest.mark.parametrize(
    ("strategy", "count"), [("mean-teacher-pseudo", "pseudo_labels"), ("progressive-pseudo-labels", "accepted")]
)
def test_a_run_with_pseudo_labels_tells_of_them_and_resumes_exactly(
    strategy: str, count: str, tmp_path: Path
) -> None:
    screen = simulated_screen("tiny", seed=0, sets=["layout.sites=1"])
    options = f"strategy={{name: {strategy}, options: {{from_share: 0.4}}}}"
    recipe = dn.load_recipe("tiny", sets=[options, "train.epochs=6", "train.batch_size=16"])
    straight = dn.train(recipe, screen, tmp_path / "straight", device="cpu")
    lines = [json.loads(line) for line in (straight.path / "metrics.jsonl").read_text().splitlines()]
    assert [count in line for line in lines] == [False, True, True, True, True, False]
    assert all(0 <= line["pseudo_label_error"] <= 1 and line["wells_without_prior"] >= 0 for line in lines[1:2])
    with pytest.raises(KeyboardInterrupt):
        dn.train(recipe, screen, tmp_path / "halted", device="cpu", observer=Impatient())
    resumed = resume_run(tmp_path / "halted", screen, installed(), device="cpu")
    expected, found = states(straight.path), states(resumed.path)
    assert expected.keys() == found.keys()
    assert [name for name in expected if not torch.equal(expected[name], found[name])] == []
