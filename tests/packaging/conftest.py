"""The wheel of the working tree, and environments that have it and nothing else of this tree."""

import os
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of the working tree."""
    out = tmp_path_factory.mktemp("dist")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(ROOT)]
    done = subprocess.run(build, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{done.stdout}{done.stderr}\nis hatchling installed? pip install -e .[dev]"
    (built,) = out.glob("*.whl")
    return built


@pytest.fixture(scope="session")
def new_environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Run]:
    """Makes environments that have the wheel, and of the rest third-party libraries only.

    The libraries come from the environment at hand by a line in a `.pth` file. A `.pth` file that lies there is
    not followed, so the editable install of this tree is out of sight.

    Called with folders or wheels to install too; returns what runs Python in the new environment, given words,
    the exit code that is expected, more environment variables, and the folder to run in.
    """
    variables = {name: text for name, text in os.environ.items() if not name.startswith(("PYTHON", "DEEPNOISE"))}
    variables |= {"OMP_NUM_THREADS": "1", "COLUMNS": "200"}

    def make(*distributions: Path) -> Run:
        home = tmp_path_factory.mktemp("alone")
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(home / "env")], check=True)
        python = home / "env" / "bin" / "python"
        site = Path(sysconfig.get_path("purelib", "venv", vars={"base": str(home / "env")}))
        zipfile.ZipFile(wheel).extractall(site)
        libraries = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
        (site / "libraries.pth").write_text("".join(f"{path}\n" for path in sorted(libraries)))

        def run(
            *words: object, code: int = 0, environment: Mapping[str, str] | None = None, cwd: Path = home
        ) -> subprocess.CompletedProcess[str]:
            done = subprocess.run(
                [python, *map(str, words)],
                cwd=cwd,
                env={**variables, **(environment or {})},
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == code, done.stdout + done.stderr
            return done

        if distributions:
            quiet = ["--quiet", "--disable-pip-version-check", "--no-deps", "--no-index", "--no-build-isolation"]
            run("-m", "pip", "install", *quiet, *distributions)
        return run

    return make


@pytest.fixture(scope="session")
def alone(new_environment: Callable[..., Run]) -> Run:
    """Runs Python where the wheel is, and no plugin beside it."""
    return new_environment()
