"""The program as a user runs it, in this process or in one of its own, and one small journey to look at."""

import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
import typer.main

from deepnoise.cli import main
from deepnoise.pictures.curves import draw_curves

Done = subprocess.CompletedProcess[str]


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> Iterator[None]:
    """Networks of these sizes lose far more by waiting for a second thread than they gain by it."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session", autouse=True)
def _one_tree_of_commands() -> Iterator[None]:
    """The tree of all commands is built once, since that takes longer than many a command."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("typer.main.get_command", cache(typer.main.get_command))
        yield


@pytest.fixture(scope="session", autouse=True)
def _one_picture_of_curves() -> Iterator[None]:
    """Curves are drawn for the first training alone, and copied for others: drawing takes a third of one."""
    drawn: list[Path] = []

    def draw_or_copy(metrics: Path, out: Path, *, title: str) -> None:
        if drawn and drawn[0].exists():
            shutil.copyfile(drawn[0], out)
        else:
            draw_curves(metrics, out, title=title)
            drawn[:] = [out]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("deepnoise.training.draw_curves", draw_or_copy)
        yield


@pytest.fixture(scope="session")
def deepnoise() -> Callable[..., Done]:
    """Runs a command in this process: exit code, what a reader of data sees, and what stands beside it."""

    def run(*words: object) -> Done:
        arguments = [str(word) for word in words]
        out, beside = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(beside):
            code = main(arguments)
        return subprocess.CompletedProcess(arguments, code, out.getvalue(), beside.getvalue())

    return run


@pytest.fixture(scope="session")
def python() -> Callable[..., Done]:
    """Runs Python with some arguments and more of an environment, as a process of its own."""

    def run(*words: object, environment: Mapping[str, str] | None = None, cwd: Path | None = None) -> Done:
        variables = {**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "200", **(environment or {})}
        arguments = [sys.executable, *map(str, words)]
        return subprocess.run(
            arguments, env=variables, cwd=cwd, capture_output=True, text=True, timeout=240, check=False
        )

    return run


@dataclass(frozen=True)
class Process:
    """A command that runs beside the test.

    Attributes:
        pid: its process.
        errors: what it writes beside data.
    """

    pid: int
    errors: Path
    parent: "Parent"

    def wait(self) -> tuple[int, str]:
        """Exit code, negative of a signal, and what it told."""
        return int(self.parent.order(wait=self.pid)), self.errors.read_text()


@dataclass(frozen=True)
class Parent:
    """The process that forks commands."""

    process: subprocess.Popen[str]
    folder: Path

    def start(
        self,
        *words: object,
        environment: Mapping[str, str] | None = None,
        user: int = 0,
        largest_file: int = 0,
        terminal: str = "",
        nohup: bool = False,
    ) -> Process:
        """A command; perhaps of another user, or one that may write no larger file, in bytes.

        Where a terminal is given, the command tells what it tells there alone.
        """
        descriptor, name = tempfile.mkstemp(dir=self.folder)
        os.close(descriptor)
        order = {"environment": dict(environment or {}), "user": user, "largest_file": largest_file}
        order |= {"errors": terminal or name, "nohup": nohup}
        return Process(int(self.order(start=[*map(str, words)], **order)), Path(name), self)

    def order(self, **order: Any) -> str:
        """Send one order; the answer."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{json.dumps(order)}\n")
        self.process.stdin.flush()
        return self.process.stdout.readline()


@pytest.fixture(scope="session")
def start_command(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Process]]:
    """Starts a command in a process of its own, beside the test, without the seconds that imports take."""
    process = subprocess.Popen(
        [sys.executable, Path(__file__).with_name("forked_commands.py")],
        env={
            **os.environ,
            "OMP_NUM_THREADS": "1",
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "HF_HUB_DISABLE_UPDATE_CHECK": "1",
        },
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        yield Parent(process, tmp_path_factory.mktemp("told")).start
        assert process.stdin is not None
        process.stdin.close()


@pytest.fixture(scope="session")
def wait_until() -> Callable[..., None]:
    """Waits until something is so, looking every so many seconds; tells what a process told if it never is."""

    def wait(
        is_so: Callable[[], object], process: Process | None = None, *, every: float = 0.02, most: float = 120
    ) -> None:
        end = time.monotonic() + most
        while not is_so():
            assert time.monotonic() < end, process and process.errors.read_text()
            time.sleep(every)

    return wait


@pytest.fixture(scope="session")
def wait_until_begun(wait_until: Callable[..., None]) -> Callable[..., None]:
    """Waits until a training has done its first epoch."""
    return lambda run: wait_until((run / "metrics.jsonl").exists)


@pytest.fixture(scope="session")
def tiny_screen(tmp_path_factory: pytest.TempPathFactory, deepnoise: Callable[..., Done]) -> Path:
    """Folder of the simulated screen `tiny`; look, but do not touch."""
    folder = tmp_path_factory.mktemp("screens") / "tiny"
    done = deepnoise("simulate", folder, "--preset", "tiny")
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="session")
def tiny_run(tmp_path_factory: pytest.TempPathFactory, tiny_screen: Path, deepnoise: Callable[..., Done]) -> Path:
    """Folder of a finished run of the recipe `tiny`; look, but do not touch."""
    folder = tmp_path_factory.mktemp("runs") / "tiny"
    done = deepnoise("train", "tiny", "--screen", tiny_screen, "--out", folder, "--device", "cpu")
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="session")
def tiny_predictions(
    tmp_path_factory: pytest.TempPathFactory, tiny_run: Path, tiny_screen: Path, deepnoise: Callable[..., Done]
) -> Path:
    """Folder of that run's predictions of its own screen; look, but do not touch."""
    folder = tmp_path_factory.mktemp("predictions") / "tiny"
    done = deepnoise("predict", tiny_run, "--screen", tiny_screen, "--out", folder, "--device", "cpu")
    assert done.returncode == 0, done.stderr
    return folder
