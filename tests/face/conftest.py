"""The program as a user runs it, in this process or in one of its own, and one small journey to look at."""

import io
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest
import torch

from deepnoise.__main__ import main

Done = subprocess.CompletedProcess[str]


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> Iterator[None]:
    """Networks of these sizes lose far more by waiting for a second thread than they gain by it."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


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
