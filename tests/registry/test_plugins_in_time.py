"""What plugins can hold up or change: time, and the state of the process."""

import locale
import logging
import os
import random
import re
import sys
import time
from collections.abc import Callable
from importlib.metadata import EntryPoint
from pathlib import Path
from threading import Event
from threading import enumerate as threads

import numpy as np
import pytest
import torch

from deepnoise_core.contracts.errors import InputError
from deepnoise_registry.compatibility import host_requirement
from deepnoise_registry.deadline import within
from deepnoise_registry.discovery import discover, discover_from_environment
from deepnoise_registry.installed import installed_plugins
from deepnoise_registry.surroundings import Surroundings

Install = Callable[..., list[EntryPoint]]

GOOD = """
from deepnoise_core.contracts import Component, hookimpl
DEEPNOISE_API = "1.0"
@hookimpl
def deepnoise_heads():
    return [Component("good", "A head.", "a.b:c")]
"""


@pytest.mark.parametrize(
    "source", ["while True: pass", "import socket; pair = socket.socketpair(); pair[0].recv(1)"]
)
def test_a_plugin_that_hangs_has_failed(install: Install, source: str) -> None:
    found = discover(install("acme", {"hung": source}), seconds=0.2)
    assert "not loaded within 0.2 s; DEEPNOISE_PLUGIN_SECONDS" in found.plugins[0].reason
    assert found.plugins[0].seconds > 0.1


def test_a_hook_has_no_more_time_than_an_import(install: Install) -> None:
    source = GOOD.replace("    return", "    import time; time.sleep(30)\n    return")
    [plugin] = discover(install("acme", {"hung": source}), seconds=0.2).plugins
    assert plugin.status == "failed"


def test_a_loop_that_is_late_is_ended() -> None:
    def spin() -> None:
        while True:
            pass

    with pytest.raises(TimeoutError):
        within(0.05, spin, __name__.partition(".")[0])
    for _ in range(200):
        if not any(thread.name == f"deepnoise: {__name__.partition('.')[0]}" for thread in threads()):
            return
        time.sleep(0.02)
    pytest.fail("it still runs")


def test_an_import_of_something_else_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "slow_library.py").write_text("import time\nfor _ in range(20): time.sleep(0.02)\nDONE = True\n")
    monkeypatch.syspath_prepend(tmp_path)
    imported = Event()

    def load() -> None:
        __import__("slow_library")
        imported.set()

    with pytest.raises(TimeoutError):
        within(0.1, load, "acme")
    assert imported.wait(20)
    assert sys.modules["slow_library"].DONE


def test_a_time_out_of_its_own_is_the_works() -> None:
    def give_up() -> None:
        raise TimeoutError("no answer")

    with pytest.raises(TimeoutError, match="no answer"):
        within(5, give_up, "acme")
    assert within(5, lambda: 7, "acme") == 7


@pytest.mark.parametrize("text", ["0", "-1", "soon", "nan", "inf"])
def test_a_time_limit_is_a_number_above_zero(text: str) -> None:
    with pytest.raises(InputError, match="DEEPNOISE_PLUGIN_SECONDS is"):
        discover_from_environment({"DEEPNOISE_PLUGIN_SECONDS": text})


def change_all() -> None:
    """What no import should do."""
    random.seed(1)
    np.random.seed(1)  # noqa: NPY002 - the state of everybody
    torch.manual_seed(1)
    torch.set_default_dtype(torch.float64)
    torch.set_num_threads(torch.get_num_threads() + 1)
    os.chdir("/")
    os.environ["ACME"] = "1"
    del os.environ["PATH"]
    sys.path.insert(0, "/nowhere")
    sys.setrecursionlimit(5000)
    sys.excepthook = print
    sys.stderr = sys.__stdout__
    logging.disable(logging.CRITICAL)
    logging.getLogger().addHandler(logging.NullHandler())


def everything() -> list[object]:
    """What `change_all` changes, as far as it can be compared."""
    return [
        random.getstate(),
        np.random.get_state()[1].tobytes(),  # type: ignore[index]  # noqa: NPY002
        torch.get_rng_state().tolist(),
        torch.get_default_dtype(),
        torch.get_num_threads(),
        Path.cwd(),
        dict(os.environ),
        list(sys.path),
        sys.getrecursionlimit(),
        sys.excepthook,
        sys.stderr,
        logging.root.manager.disable,
        list(logging.root.handlers),
        locale.setlocale(locale.LC_ALL),
    ]


def test_what_is_changed_is_put_back_and_told() -> None:
    before, surroundings = everything(), Surroundings()
    within(60, change_all, "acme")
    assert len(surroundings.put_back()) == 12
    assert everything() == before
    assert surroundings.put_back() == []


def test_a_library_that_a_plugin_imports_first_is_as_it_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as without:
        for name in ("torch", "numpy"):
            without.delitem(sys.modules, name)
        surroundings = Surroundings()
    torch.set_default_dtype(torch.float64)
    np.random.seed(1)  # noqa: NPY002 - the state of everybody
    seeded = np.random.get_state()[1].tobytes()  # type: ignore[index]  # noqa: NPY002
    assert surroundings.put_back() == []
    assert torch.get_default_dtype() == torch.float32
    assert np.random.get_state()[1].tobytes() != seeded  # type: ignore[index]  # noqa: NPY002


API_FAULTS = {
    "1": 'DEEPNOISE_API must be text such as "1.0", not 1',
    "'1'": "must be text",
    "'1.0.0'": "must be text",
    "None": "",
    "'1.0'": "",
    "'1.1'": "written for API 1.1 of deepnoise, and deepnoise .* offers 1.0; try: pip install --upgrade d",
    "'0.9'": "written for API 0.9",
    "'2.0'": "written for API 2.0",
}


@pytest.mark.parametrize("declared", API_FAULTS)
def test_a_plugin_for_another_api_is_refused(install: Install, declared: str) -> None:
    [plugin] = discover(install("acme", {"nets": GOOD.replace('"1.0"', declared)})).plugins
    assert (plugin.status == "loaded") == (not API_FAULTS[declared])
    assert plugin.api == ("1.0" if declared == "'1.0'" else "")
    assert re.search(API_FAULTS[declared], plugin.reason)


@pytest.mark.parametrize(
    ("lines", "wanted"),
    [
        ([], ""),
        (["numpy>=2", "deepnoise-zoo>=3"], ""),
        (["deepnoise"], ""),
        (["DeepNoise (>=0.1)", "deepnoise<9; python_version > '3'"], ">=0.1,<9"),
        (["deepnoise[onnx]~=0.1", "deepnoise>=9; extra == 'new'"], "~=0.1"),
        (["deepnoise>=9; python_version < '3'"], ""),
    ],
)
def test_what_a_distribution_requires_of_the_host(lines: list[str], wanted: str) -> None:
    assert host_requirement(lines) == wanted


def test_metadata_that_cannot_be_read_are_one_record(install: Install, tmp_path: Path) -> None:
    install("acme", {"nets": GOOD})
    install("rusty", {"old": GOOD})
    (tmp_path / "site" / "rusty-1.0.dist-info" / "entry_points.txt").write_text("[deepnoise]\nno equals sign\n")
    found = {record.name: record for record, _ in installed_plugins()}
    assert found["rusty"].reason.startswith("its entry_points.txt cannot be read")
    assert found["nets"].reason == ""
