"""`--processes`: a command whose processes leave with it, and that leaves with them."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import pytest

from deepnoise_core.engine.checkpoints import saved_steps

Done = subprocess.CompletedProcess[str]


@pytest.fixture
def two(tiny_screen: Path, tmp_path: Path, wait_until_begun: Callable[..., None]) -> subprocess.Popen[str]:
    """A training in two processes that has begun to write to `run`."""
    sets = ("train.epochs=400", "train.max_steps=400", "train.checkpoints.minutes=5")
    words = ["--screen", tiny_screen, "--out", tmp_path / "run", "--device", "cpu", "--set", *sets]
    arguments = [sys.executable, "-m", "deepnoise", "train", "tiny", *map(str, words), "--processes", "2"]
    process = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    wait_until_begun(tmp_path / "run")
    return process


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGUSR1, 128 + signal.SIGUSR1)])
def test_the_option_starts_processes_that_leave_with_it(
    number: signal.Signals, code: int, two: subprocess.Popen[str], tmp_path: Path
) -> None:
    two.send_signal(number)
    _, told = two.communicate(timeout=60)
    assert two.returncode == code, told
    assert told.count("continue it with") == 1
    assert "Traceback" not in told
    assert len(saved_steps(tmp_path / "run" / "checkpoints")) == 1


def test_the_option_says_which_process_was_killed(
    two: subprocess.Popen[str], tells_of: Callable[..., None]
) -> None:
    started = psutil.Process(two.pid).children()
    workers = [one for one in started if "resource_tracker" not in " ".join(one.cmdline())]
    assert len(workers) == 2
    os.kill(workers[1].pid, signal.SIGKILL)
    _, told = two.communicate(timeout=60)
    tells_of("the same with `--processes`", told, two.returncode)
    tells_of("one process is killed", told)
    assert "process 1 was killed" in told
    assert "Traceback" not in told


@pytest.mark.parametrize(
    ("number", "said"),
    [("0", "--processes 0: give 1 or more"), ("3", "started 2 already; leave --processes out")],
)
def test_numbers_of_processes_that_cannot_be_are_refused(
    number: str, said: str, deepnoise: Callable[..., Done], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    done = deepnoise("train", "tiny", "--processes", number)
    assert done.returncode == 2
    assert said in done.stderr
