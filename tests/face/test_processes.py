"""Trainings of two processes: what they learn, what they write, and how they end."""

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch import distributed as dist

from deepnoise_core.engine.checkpoints import saved_steps
from deepnoise_core.engine.weights import load_weights

STEPS = 4
SAVED = ("train.checkpoints.minutes=0", "train.checkpoints.keep=99")
WITHOUT_BATCH_NORM = (
    "backbone.options.model=test_efficientnet_gn",
    "normalizer=robust",
    "train.optimizer.name=sgd",
    "train.optimizer.lr=0.01",
    "train.accumulate=2",
    "train.clip_gradient=1",
    "train.skip_nonfinite=1",
)
LONG = ("train.epochs=400", "train.max_steps=400")
ENDS = {signal.SIGTERM: 143, signal.SIGHUP: 129, signal.SIGUSR1: 128 + signal.SIGUSR1}
PARTS = ("student", "strategy", "optimizer")

Done = subprocess.CompletedProcess[str]


class Pair:
    """A command in two processes, as torchrun would start it."""

    def __init__(self, start: Callable[..., Any], words: Sequence[object]) -> None:
        self.store = dist.TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)  # type: ignore[attr-defined]
        place = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(self.store.port), "WORLD_SIZE": "2"}
        place |= {"LOCAL_WORLD_SIZE": "2", "TORCHELASTIC_USE_AGENT_STORE": "True"}
        numbers = [{"RANK": str(rank), "LOCAL_RANK": str(rank)} for rank in range(2)]
        self.processes = [start(*words, environment=place | number) for number in numbers]

    def ended(self) -> tuple[list[int], list[str]]:
        """Exit code of each, and what it told."""
        codes, told = zip(*(process.wait() for process in self.processes), strict=True)
        return list(codes), list(told)


Starts = Callable[..., Pair]


@pytest.fixture(scope="session")
def pair(start_command: Callable[..., Any]) -> Starts:
    """Starts a command in two processes."""
    return lambda *words: Pair(start_command, words)


def words_of(screen: Path, out: Path, *sets: str) -> list[object]:
    return ["train", "tiny", "--screen", screen, "--out", out, "--device", "cpu", "--set", *SAVED, *sets]


def state(run: Path, step: int) -> dict[str, Tensor]:
    folder = run / "checkpoints" / f"step-{step:08}"
    return {
        f"{part}.{name}": tensor
        for part in PARTS
        for name, tensor in load_weights(folder / f"{part}.safetensors").items()
    }


def assert_near(one: Path, other: Path, *, steps: range) -> None:
    for step in steps:
        states = state(one, step), state(other, step)
        assert states[0].keys() == states[1].keys()
        for name, tensor in states[0].items():
            # Momenta are sums of gradients, some of which are far larger than weights.
            tolerance = 1e-4 if name.startswith("optimizer") else 1e-6
            torch.testing.assert_close(states[1][name], tensor, rtol=0, atol=tolerance)


def lines(run: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory, tiny_screen: Path, deepnoise: Callable[..., Done]) -> Path:
    """A mean teacher without batch norm, of one process, which divides nothing; look, but do not touch."""
    out = tmp_path_factory.mktemp("alone") / "run"
    sets = ("train.epochs=2", "train.sharding=full", *WITHOUT_BATCH_NORM)
    done = deepnoise(*words_of(tiny_screen, out, *sets))
    assert done.returncode == 0, done.stderr
    assert "train.sharding: full divides nothing, since there is one process" in done.stderr
    return out


@pytest.fixture(scope="module", params=["none", "full"])
def together(
    tmp_path_factory: pytest.TempPathFactory, tiny_screen: Path, pair: Starts, request: pytest.FixtureRequest
) -> Path:
    """The same of two processes, with networks that are whole in each or divided; look, but do not touch."""
    out = tmp_path_factory.mktemp("together") / "run"
    sets = ("train.epochs=2", f"train.sharding={request.param}", *WITHOUT_BATCH_NORM)
    codes, told = pair(*words_of(tiny_screen, out, *sets)).ended()
    assert codes == [0, 0], told
    assert "kept epoch" in told[0]
    assert told[1] == ""
    return out


def test_two_processes_learn_what_one_does(alone: Path, together: Path) -> None:
    steps = saved_steps(alone / "checkpoints")
    assert steps == saved_steps(together / "checkpoints") == tuple(range(STEPS, 0, -1))
    assert_near(alone, together, steps=range(1, STEPS + 1))
    for one, two in zip(lines(alone), lines(together), strict=True):
        names = [name for name in one if name.startswith(("loss/", "validation_"))]
        assert "loss/consistency" in names
        assert [two[name] for name in names] == pytest.approx([one[name] for name in names], rel=1e-4)


def test_the_first_process_alone_writes(alone: Path, together: Path) -> None:
    files = [sorted(path.relative_to(run) for path in run.rglob("*")) for run in (alone, together)]
    assert files[0] == files[1]


def halted(run: Path, step: int, copy: Path) -> Path:
    """The folder as a kill after the state of a step leaves it."""
    shutil.copytree(run, copy)
    shutil.rmtree(copy / "bundle")
    for later in saved_steps(copy / "checkpoints"):
        if later > step:
            shutil.rmtree(copy / "checkpoints" / f"step-{later:08}")
    return copy


def test_two_processes_go_on_bit_for_bit(together: Path, pair: Starts, tmp_path: Path) -> None:
    run = halted(together, 3, tmp_path / "run")
    codes, told = pair("train", "--resume", run, "--device", "cpu").ended()
    assert codes == [0, 0], told
    states = state(run, STEPS), state(together, STEPS)
    assert [name for name, tensor in states[0].items() if not torch.equal(tensor, states[1][name])] == []
    assert lines(run)[-1]["loss/consistency"] == pytest.approx(lines(together)[-1]["loss/consistency"], rel=1e-6)


def test_another_number_of_processes_goes_on(
    together: Path, deepnoise: Callable[..., Done], tmp_path: Path
) -> None:
    run = halted(together, 3, tmp_path / "run")
    done = deepnoise("train", "--resume", run, "--device", "cpu")
    assert done.returncode == 0, done.stderr
    assert_near(together, run, steps=range(4, STEPS + 1))


def test_what_one_process_began_goes_on_divided(alone: Path, pair: Starts, tmp_path: Path) -> None:
    run = halted(alone, 3, tmp_path / "run")
    codes, told = pair("train", "--resume", run, "--device", "cpu").ended()
    assert codes == [0, 0], told
    assert_near(alone, run, steps=range(4, STEPS + 1))


@pytest.mark.parametrize(
    "sets",
    [
        ("strategy=freematch", "augmentation=weak-strong"),
        ("strategy={name: mean-teacher, options: {publish: student}}", "train.max_steps=1"),
    ],
    ids=["thresholds", "hidden-teacher"],
)
def test_estimates_that_follow_the_images_are_of_all_processes(
    tiny_screen: Path, pair: Starts, tmp_path: Path, sets: tuple[str, ...]
) -> None:
    """With batch norm, whose statistics every state compares too."""
    codes, told = pair(*words_of(tiny_screen, tmp_path / "run", "train.epochs=1", *sets)).ended()
    assert codes == [0, 0], told


def test_a_fault_is_told_once(
    tiny_screen: Path, pair: Starts, tmp_path: Path, tells_of: Callable[..., None]
) -> None:
    codes, told = pair(*words_of(tiny_screen, tmp_path / "run", "train.batch_size=3")).ended()
    assert codes == [2, 2]
    tells_of("one process meets an error", told, 2)
    assert "".join(told).count("2 processes need 2 labelled sites each") == 1
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(("number", "code"), ENDS.items())
def test_a_signal_to_one_process_ends_all_after_the_same_step(
    number: signal.Signals,
    code: int,
    tiny_screen: Path,
    pair: Starts,
    tmp_path: Path,
    wait_until_begun: Callable[..., None],
) -> None:
    run = tmp_path / "run"
    started = pair(*words_of(tiny_screen, run, *LONG, "train.checkpoints.minutes=5"))
    wait_until_begun(run)
    os.kill(started.processes[1].pid, number)
    codes, told = started.ended()
    assert codes == [code, code], told
    assert f"continue it with deepnoise train --resume {run}" in told[0]
    (step,) = saved_steps(run / "checkpoints")
    assert 0 < step < 400


def test_where_one_is_killed_the_other_ends(
    tiny_screen: Path,
    pair: Starts,
    tmp_path: Path,
    tells_of: Callable[..., None],
    wait_until_begun: Callable[..., None],
) -> None:
    started = pair(*words_of(tiny_screen, tmp_path / "run", *LONG))
    wait_until_begun(tmp_path / "run")
    os.kill(started.processes[1].pid, signal.SIGKILL)
    codes, told = started.ended()
    assert codes == [2, -signal.SIGKILL]
    tells_of("SIGKILL, or no more power", told[1], 128 + signal.SIGKILL)
    tells_of("one process is killed", told[0], 2)
    assert "continue it with deepnoise train --resume" in told[0]
    assert "Traceback" not in told[0]


def test_other_ways_to_divide_the_work_are_refused(
    deepnoise: Callable[..., Done], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("ACCELERATE_USE_FSDP", "true")
    done = deepnoise("train", "tiny")
    assert done.returncode == 2
    assert "ACCELERATE_USE_FSDP asks for FSDP of accelerate, which deepnoise does not use" in done.stderr


def test_two_processes_predict_the_very_files_of_one(
    tiny_run: Path, tiny_screen: Path, tiny_predictions: Path, pair: Starts, tmp_path: Path
) -> None:
    words = ["predict", tiny_run, "--screen", tiny_screen, "--out", tmp_path / "two", "--device", "cpu"]
    codes, told = pair(*words).ended()
    assert codes == [0, 0], told
    files = [
        {path.relative_to(out): path.read_bytes() for path in out.rglob("*") if path.is_file()}
        for out in (tiny_predictions, tmp_path / "two")
    ]
    assert files[0].keys() == files[1].keys()
    assert [str(name) for name, data in files[0].items() if data != files[1][name]] == []


def test_two_processes_embed_the_very_files_of_one(
    tiny_run: Path, tiny_screen: Path, deepnoise: Callable[..., Done], pair: Starts, tmp_path: Path
) -> None:
    def words(name: str) -> list[object]:
        words = ["embed", tiny_run, "--screen", tiny_screen, "--out", tmp_path / name, "--device", "cpu"]
        return [*words, "--shard-sites", 10, "--part", "test"]

    one = deepnoise(*words("one"))
    assert one.returncode == 0, one.stderr
    (tmp_path / "two" / "shards").mkdir(parents=True)
    for name in ("embeddings.json", "shards/shard-00001.parquet"):
        shutil.copyfile(tmp_path / "one" / name, tmp_path / "two" / name)
    codes, told = pair(*words("two")).ended()
    assert codes == [0, 0], told
    shards = list((tmp_path / "one" / "shards").iterdir())
    assert told[0].count("is missing or damaged, and made again") == len(shards) - 1
    assert told[1] == ""
    files = [
        {path.relative_to(out): path.read_bytes() for path in out.rglob("*") if path.is_file()}
        for out in (tmp_path / "one", tmp_path / "two")
    ]
    assert files[0] == files[1]
