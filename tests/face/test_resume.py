"""Runs that stop after any step, by any hand, go on as if they never had."""

import json
import os
import pty
import select
import shutil
import signal
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

import deepnoise as dn
from deepnoise.api import installed
from deepnoise.training import Run, resume_run
from deepnoise_core.contracts.errors import ModelError
from deepnoise_core.engine.checkpoints import newest_state, saved_steps
from deepnoise_core.testing.notes import Notes
from deepnoise_registry.bundles import write_bundle

STEPS = 9
SETS = (
    "train.epochs=3",
    "train.batch_size=8",
    f"train.max_steps={STEPS}",
    "train.checkpoints.minutes=0",
    "train.checkpoints.keep=99",
)
STOPS = {"supervised": (5,), "mean-teacher": (5,), "pseudo-labels": (1, 3, 5, STEPS)}
ENDS = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129, signal.SIGUSR1: 128 + signal.SIGUSR1}
STRATEGIES = {
    "supervised": ("strategy=supervised",),
    "mean-teacher": ("strategy=mean-teacher", "train.optimizer.name=sgd"),
    "pseudo-labels": (
        "strategy=mean-teacher-pseudo",
        "strategy.options.from_share=0.2",
        "strategy.options.refresh=every",
    ),
}


Whole = Callable[[str], Run]
Tells = Callable[..., None]


@pytest.fixture(scope="module")
def whole(tiny_screen: Path, tmp_path_factory: pytest.TempPathFactory) -> Whole:
    """Runs of a strategy that nobody stopped, with a state of every step; look, but do not touch."""

    @cache
    def trained(strategy: str) -> Run:
        recipe = dn.load_recipe("tiny", sets=[*SETS, *STRATEGIES[strategy]])
        run = dn.train(recipe, tiny_screen, tmp_path_factory.mktemp("whole") / "run", device="cpu")
        assert isinstance(run, Run)
        return run

    return trained


@pytest.fixture
def pseudo(whole: Whole) -> Run:
    """The run whose strategy has most to remember."""
    return whole("pseudo-labels")


def stopped_after(step: int, run: Run, copy: Path) -> Path:
    """The folder as a kill after the state of a step leaves it, with lines and weights of later epochs."""
    shutil.copytree(run.path, copy)
    shutil.rmtree(copy / "bundle")
    for later in saved_steps(copy / "checkpoints"):
        if later > step:
            shutil.rmtree(copy / "checkpoints" / f"step-{later:08}")
    return copy


def flat(run: Path) -> dict[str, Tensor]:
    state, _ = newest_state(run / "checkpoints")
    return {
        f"{part}.{name}": tensor for part, tensors in state.tensors.items() for name, tensor in tensors.items()
    }


def metrics(run: Path) -> list[dict[str, float]]:
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    timed = ("seconds", "sites_per_second", "waiting")
    return [{name: value for name, value in line.items() if name not in timed} for line in lines]


def assert_same(one: Path, other: Path) -> None:
    tensors = flat(one), flat(other)
    assert tensors[0].keys() == tensors[1].keys()
    assert [name for name, tensor in tensors[0].items() if not torch.equal(tensor, tensors[1][name])] == []
    assert metrics(one) == metrics(other)
    files = [(run / "bundle" / "model.safetensors").read_bytes() for run in (one, other)]
    assert files[0] == files[1]


def test_a_run_has_steps_within_epochs_and_at_their_ends(pseudo: Run) -> None:
    assert saved_steps(pseudo.path / "checkpoints") == tuple(range(STEPS, 0, -1))
    assert [line["step"] for line in metrics(pseudo.path)] == [3, 6, 9]


@pytest.mark.parametrize(("strategy", "step"), [(name, step) for name, steps in STOPS.items() for step in steps])
def test_a_run_that_stopped_after_any_step_ends_as_if_it_had_not(
    strategy: str, step: int, whole: Whole, tmp_path: Path
) -> None:
    halted = stopped_after(step, whole(strategy), tmp_path / "run")
    resume_run(halted, None, installed(), device="cpu")
    assert_same(halted, whole(strategy).path)


@pytest.mark.parametrize("number", ENDS)
def test_a_signal_while_the_bundle_is_written_comes_too_late_to_stop(
    number: signal.Signals, pseudo: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def written(*arguments: Any) -> None:
        os.kill(os.getpid(), number)
        write_bundle(*arguments)

    monkeypatch.setattr("deepnoise.training.write_bundle", written)
    halted = stopped_after(STEPS, pseudo, tmp_path / "run")
    resume_run(halted, None, installed(), device="cpu")
    assert_same(halted, pseudo.path)


def test_a_damaged_state_costs_the_steps_since_the_one_before(
    pseudo: Run, tmp_path: Path, tells_of: Tells
) -> None:
    halted, notes = stopped_after(5, pseudo, tmp_path / "run"), Notes()
    weights = halted / "checkpoints" / "step-00000005" / "student.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"?")
    resume_run(halted, None, installed(), device="cpu", observer=notes)
    (told,) = (note for note in notes.told if "is damaged" in note)
    tells_of("the newest checkpoint is damaged", told)
    assert told.endswith("before it, of step 4")
    assert_same(halted, pseudo.path)


def test_a_run_that_was_killed_before_its_first_state_begins_anew(
    pseudo: Run, tmp_path: Path, tells_of: Tells
) -> None:
    halted, notes = stopped_after(0, pseudo, tmp_path / "run"), Notes()
    resume_run(halted, None, installed(), device="cpu", observer=notes)
    tells_of("the same before the first checkpoint", notes.told)
    assert_same(halted, pseudo.path)


def test_a_line_that_a_crash_cut_off_is_written_anew_by_another_version(
    pseudo: Run, tmp_path: Path, tells_of: Tells
) -> None:
    halted, notes = stopped_after(5, pseudo, tmp_path / "run"), Notes()
    (halted / "metrics.jsonl").write_text((halted / "metrics.jsonl").read_text()[:-20])
    card = json.loads((halted / "run.json").read_text())
    card["versions"]["torch"] = "1.13.0"
    (halted / "run.json").write_text(json.dumps(card))
    resume_run(halted, None, installed(), device="cpu", observer=notes)
    (told,) = (note for note in notes.told if "torch 1.13.0 then" in note)
    tells_of("versions, hardware or pixels are others", told)
    assert_same(halted, pseudo.path)


def test_a_run_goes_on_with_no_other_recipe(pseudo: Run, tmp_path: Path, tells_of: Tells) -> None:
    halted = stopped_after(5, pseudo, tmp_path / "run")
    recipe = halted / "recipe.yaml"
    recipe.write_text(recipe.read_text().replace("epochs: 3", "epochs: 5"))
    with pytest.raises(ModelError, match=r"train\.epochs: 3 then, 5 now") as raised:
        resume_run(halted, None, installed(), device="cpu")
    tells_of("`recipe.yaml` was changed", raised.value, 2)


def words_of(screen: Path, out: Path, steps: int) -> list[object]:
    sets = ["train.epochs=400", f"train.max_steps={steps}"]
    return ["train", "tiny", "--screen", screen, "--out", out, "--device", "cpu", "--set", *sets]


@pytest.mark.parametrize(("number", "code"), ENDS.items())
def test_a_signal_ends_a_run_after_its_step_with_what_goes_on(
    number: signal.Signals,
    code: int,
    tiny_screen: Path,
    tmp_path: Path,
    start_command: Callable[..., Any],
    wait_until_begun: Callable[..., None],
    tells_of: Tells,
) -> None:
    out = tmp_path / "run"
    process = start_command(*words_of(tiny_screen, out, steps=400))
    wait_until_begun(out)
    os.kill(process.pid, number)
    ended, told = process.wait()
    assert ended == code, told
    tells_of("Ctrl-C; SIGTERM or SIGUSR1 of a scheduler; SIGHUP of a terminal that is closed", told, code)
    assert f"--resume {out}" in told
    assert "Traceback" not in told
    (step,) = saved_steps(out / "checkpoints")
    assert 0 < step < 400


@pytest.mark.parametrize("nohup", [False, True], ids=["plain", "nohup"])
def test_a_terminal_that_is_closed_ends_a_run_in_order_or_not_at_all(
    tiny_screen: Path,
    tmp_path: Path,
    start_command: Callable[..., Any],
    wait_until: Callable[..., None],
    *,
    nohup: bool,
) -> None:
    out, (ours, its) = tmp_path / "run", pty.openpty()
    steps = 40 if nohup else 400
    process = start_command(*words_of(tiny_screen, out, steps), terminal=os.ttyname(its), nohup=nohup)
    shown = bytearray()

    def has_begun() -> bool:
        if select.select([ours], [], [], 0)[0]:
            shown.extend(os.read(ours, 1 << 16))
        return (out / "metrics.jsonl").exists()

    wait_until(has_begun)
    assert b"epoch 1/400" in shown
    os.close(its)
    os.close(ours)
    ended, _ = process.wait()
    assert ended == (0 if nohup else 129)
    assert (out / "bundle").is_dir() == nohup
    assert saved_steps(out / "checkpoints")
