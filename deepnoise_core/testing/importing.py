"""What importing a plugin costs and brings along, seen from a fresh interpreter.

`python -m deepnoise_core.testing.importing NAME MODULE` imports the plugin and asks its hooks, and prints JSON.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from functools import cache
from importlib.metadata import EntryPoint

HEAVY = ("torch", "timm", "huggingface_hub", "scipy", "polars", "matplotlib")
"""What every command would wait for, if listing a plugin imported it."""

_LONGEST_S = 60


@dataclass(frozen=True)
class Import:
    """One import of a plugin's module with the call of its hooks, after deepnoise's contracts were there.

    Attributes:
        seconds: wall time.
        heavy: modules of `HEAVY` that it imported.
        failure: what it raised, e.g. as it used the network; empty where all went well.
    """

    seconds: float
    heavy: tuple[str, ...]
    failure: str


def imported(name: str, module: str) -> Import:
    """Import a plugin in a fresh interpreter, without a network."""
    return _imported(name, module)


@cache
def first_import(name: str, module: str) -> Import:
    """The same, once a process: every component of a plugin asks for it."""
    return _imported(name, module)


def _imported(name: str, module: str) -> Import:
    command = [sys.executable, "-m", "deepnoise_core.testing.importing", name, module]
    # A plugin under test may lie where only this process looks, as by pytest's `pythonpath`.
    paths = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    try:
        done = subprocess.run(  # noqa: S603, our own module
            command, capture_output=True, text=True, timeout=_LONGEST_S, check=False, env=paths
        )
    except subprocess.TimeoutExpired:
        return Import(_LONGEST_S, (), f"it is not done after {_LONGEST_S} s")
    lines = done.stdout.splitlines()
    if done.returncode or not lines:
        return Import(0.0, (), f"the interpreter ends with {done.returncode}: {done.stderr.strip()[-400:]}")
    told = json.loads(lines[-1])
    return Import(told["seconds"], tuple(told["heavy"]), told["failure"])


def _main(name: str, module: str) -> None:
    from deepnoise_core.contracts import GROUP
    from deepnoise_core.testing.offline import offline
    from deepnoise_core.testing.plugins import Plugin

    failure, start = "", time.perf_counter()
    try:
        with offline():
            Plugin(EntryPoint(name, module, GROUP)).components  # noqa: B018, asking is what is measured
    except BaseException as error:  # noqa: BLE001, whatever escapes is what is reported
        failure = f"{type(error).__name__}: {error}"
    seconds = time.perf_counter() - start
    heavy = tuple(name for name in HEAVY if name in sys.modules)
    print(json.dumps(asdict(Import(seconds, heavy, failure))))  # noqa: T201, the program's output


if __name__ == "__main__":
    _main(*sys.argv[1:])
