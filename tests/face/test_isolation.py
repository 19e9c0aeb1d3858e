"""Over twenty hostile plugins beside the built-ins: every command goes on, and each is named with its reason."""

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any, NamedTuple

import pytest

from deepnoise_registry.discovery import discover

Run = Callable[..., CompletedProcess[str]]
Listed = Mapping[str, dict[str, Any]]

HOOK = """
from deepnoise_core.contracts import Command, Component, hookimpl

DEEPNOISE_API = "{api}"

@hookimpl
def deepnoise_{hook}():
    {body}
"""


def offering(body: str, before: str = "", hook: str = "heads", api: str = "1.0") -> str:
    """Source of a plugin with one hook."""
    return before + HOOK.format(api=api, hook=hook, body=body)


HEAD = "Component('{}', 'A head.', 'deepnoise_plugins.linear.head:LinearHead')"
GOOD = offering(f"return [{HEAD.format('innocent-head')}]")

FAILING = {
    "raising": ("raise RuntimeError('no luck today')", "RuntimeError: no luck today"),
    "misspelt": ("def broken(:\n", "SyntaxError: .*line 1"),
    "leaving": ("import sys; sys.exit(3)", "SystemExit: 3"),
    "hanging": ("import time; time.sleep(600)", "not loaded within 1 s; DEEPNOISE_PLUGIN_SECONDS"),
    "endless": (
        offering("return (Component(f'n{n}', 'A head.', 'a:b') for n in count())", "from itertools import count"),
        "returned more than 1,000 records",
    ),
    "half": (GOOD + "\n@hookimpl\ndef deepnoise_backbones():\n    1 / 0\n", "deepnoise_backbones.*ZeroDivision"),
    "misfitting": (GOOD.replace("heads()", "heads(features)"), "breaks a hook spec: .*features"),
    "mistyped": (offering("return {'linear': 'a:b'}"), "returned 'linear' at position 0 instead of a Component"),
    "unnameable": (offering(f"return [{HEAD.format('My Head')}]"), "'My Head': a name is lower-case"),
    "doubling": (offering(f"return [{HEAD.format('twin')}] * 2"), "two components named 'twin'"),
    "future": (offering("return []", api="2.0"), "written for API 2.0 of deepnoise, and deepnoise .* offers 1.0"),
    "demanding": (
        "open('imported', 'w')",
        "requires deepnoise>=99, and this is deepnoise .*; try: pip install --upgrade deepnoise deepnoise-d",
    ),
    "lacking": ("import nobody_has_this", "ModuleNotFoundError: No module named 'nobody_has_this'"),
    "unreadable": (GOOD, "metadata cannot be read: UnicodeDecodeError"),
    "mute": ("DEEPNOISE_API = '1.0'", "implements no hook"),
    "commanding": (
        offering("return [Command('go', 'Goes.', 'nowhere')]", hook="commands"),
        "command 'go': run must be 'package.module:attribute'",
    ),
    "deep": ("def f(): f()\nf()", "RecursionError"),
}
"""Source and reason of each plugin that does not load."""

LOADED = {
    "slow": ("import time; time.sleep(0.3)\n" + GOOD, []),
    "printing": ("print('hello ' * 3)\nprint('x' * 10**7)\n" + GOOD, ["printed: hello hello hello"]),
    "warning": ("import warnings; warnings.warn('old', DeprecationWarning)\n" + GOOD, ["warned: Deprecat"]),
    "undeclared": (GOOD.replace("DEEPNOISE_API", "API"), ["declares no API; write DEEPNOISE_API"]),
    "clashing": (offering(f"return [{HEAD.format('linear')}]"), []),
    "changing": (
        "import locale, os, random, sys, numpy, torch\n"
        "random.seed(1), numpy.random.seed(1), torch.manual_seed(1), torch.set_default_dtype(torch.float64)\n"
        "os.chdir('/'), sys.path.insert(0, '/nowhere'), os.environ.update(OMP_NUM_THREADS='3')\n" + GOOD,
        ["the working directory", "sys.path", "environment", "Python", "NumPy", "random .* PyTorch", "dtype"],
    ),
}
"""Source of each plugin that loads, and what is noted."""

MANY = """
import io, json, sys
from contextlib import redirect_stderr, redirect_stdout
import torch
from deepnoise.cli import main
from deepnoise_registry.discovery import discover
discover(allow=sys.argv[2].split(","))
done = []
for words in json.loads(sys.argv[1]):
    out, beside = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(beside):
        code = main(words)
    done.append((code, out.getvalue(), beside.getvalue()))
print(json.dumps(done))
"""
"""Runs commands in one process, built-ins imported before, so that the time limit is for the others."""


class Done(NamedTuple):
    """One command's end."""

    code: int
    out: str
    beside: str


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """An environment with all of them."""
    folder = tmp_path_factory.mktemp("hostile")
    lay_out_all(folder)
    return {"PYTHONPATH": str(folder), "DEEPNOISE_PLUGIN_SECONDS": "1"}


LINES = {
    "json": "plugins list --json",
    "list": "plugins list",
    "show": "plugins show hanging",
    "several": "plugins show contended",
    "help": "--help",
    "components": "components",
    "recipes": "recipe list",
    "check": "recipe check demo",
    "fill": "recipe fill tiny",
    "ambiguous": "recipe check tiny --set head=linear",
    "train": "train tiny --screen SCREEN --out run --device cpu",
    "predict": "predict run --screen SCREEN --out predictions --device cpu",
    "evaluate": "evaluate PREDICTIONS --json",
    "doctor": "doctor --json",
}
"""The first alone tells what plugins printed and changed, since that happens when they are imported."""

CODES = {"ambiguous": 2, "doctor": 1}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where they run."""
    return tmp_path_factory.mktemp("beside")


@pytest.fixture(scope="module")
def done(
    hostile: Mapping[str, str], python: Run, folder: Path, tiny_screen: Path, tiny_predictions: Path
) -> Mapping[str, Done]:
    """Every command's end, by its word in `LINES`."""
    paths = {"SCREEN": str(tiny_screen), "PREDICTIONS": str(tiny_predictions)}
    commands = [[paths.get(word, word) for word in line.split()] for line in LINES.values()]
    builtin = ",".join(plugin.name for plugin in discover().plugins)
    ended = python("-c", MANY, json.dumps(commands), builtin, environment=hostile, cwd=folder)
    assert ended.returncode == 0, ended.stderr
    return {word: Done(*one) for word, one in zip(LINES, json.loads(ended.stdout), strict=True)}


@pytest.fixture(scope="module")
def plugins(done: Mapping[str, Done]) -> Listed:
    """All plugins as listed, by distribution and name."""
    return {f"{one['distribution']} {one['name']}": one for one in json.loads(done["json"].out)}


def test_there_are_twenty() -> None:
    assert len({*FAILING, *LOADED, "umbrella", "parasol"}) >= 20


@pytest.mark.parametrize("word", LINES)
def test_every_command_goes_on(word: str, done: Mapping[str, Done]) -> None:
    assert done[word].code == CODES.get(word, 0), done[word].beside
    assert "Traceback" not in done[word].beside
    assert len(done[word].out) < 100_000


@pytest.mark.parametrize("name", FAILING)
def test_each_that_fails_is_listed_with_its_reason(name: str, plugins: Listed) -> None:
    distribution = "" if name == "unreadable" else f"deepnoise-{name}"
    plugin = plugins[f"{distribution} {name}"]
    assert (plugin["status"], plugin["components"], plugin["commands"]) == ("failed", [], [])
    assert re.search(FAILING[name][1], plugin["reason"]), plugin["reason"]


@pytest.mark.parametrize("name", LOADED)
def test_each_that_loads_is_listed_with_what_it_did(name: str, plugins: Listed) -> None:
    plugin = plugins[f"deepnoise-{name} {name}"]
    assert (plugin["status"], plugin["reason"]) == ("loaded", "")
    for note in LOADED[name][1]:
        assert any(re.search(note, one) for one in plugin["notes"]), plugin["notes"]
    assert LOADED[name][1] or not plugin["notes"]


def test_two_that_claim_one_name_both_fail(plugins: Listed, done: Mapping[str, Done]) -> None:
    for distribution in ("umbrella", "parasol"):
        assert "claimed by parasol 1.0 and umbrella 1.0" in plugins[f"{distribution} contended"]["reason"]
        assert f"pip uninstall {distribution}" in done["several"].out


def test_all_others_load(plugins: Listed) -> None:
    own = [plugin for plugin in plugins.values() if plugin["distribution"] == "deepnoise"]
    assert len(own) > 15
    assert {plugin["status"] for plugin in own} == {"loaded"}


def test_a_plugin_for_another_deepnoise_is_not_imported(done: Mapping[str, Done], folder: Path) -> None:
    assert done
    assert not (folder / "imported").exists()


def test_nothing_that_they_print_is_in_what_is_piped(done: Mapping[str, Done]) -> None:
    assert [word for word, one in done.items() if "hello" in one.out] == ["json"]


def test_they_change_no_number(
    done: Mapping[str, Done], folder: Path, tiny_run: Path, tiny_predictions: Path, deepnoise: Run
) -> None:
    files = [file for file in sorted(tiny_predictions.rglob("*.*")) if file.name != "predictions.json"]
    assert len(files) > 2
    for file in files:
        name = file.relative_to(tiny_predictions)
        assert (folder / "predictions" / name).read_bytes() == file.read_bytes(), name
    weights = Path("bundle") / "model.safetensors"
    assert (folder / "run" / weights).read_bytes() == (tiny_run / weights).read_bytes()
    assert done["evaluate"].out == deepnoise("evaluate", tiny_predictions, "--json").stdout


def test_people_read_it_too(done: Mapping[str, Done]) -> None:
    assert "failed" in done["list"].out
    assert "API 1.0" in done["list"].out
    assert "undeclared: declares no API" in done["list"].out
    assert "pip uninstall deepnoise-hanging" in done["show"].out
    assert "DEEPNOISE_PLUGIN_SECONDS" in done["show"].out


def test_a_taken_name_must_be_qualified(done: Mapping[str, Done]) -> None:
    for part in ("'clashing/linear'", "'linear/linear'", "deepnoise-clashing 1.0"):
        assert part in done["ambiguous"].beside


def test_doctor_finds_the_broken_ones(done: Mapping[str, Done]) -> None:
    wrong = {one["subject"]: one for one in json.loads(done["doctor"].out) if not one["works"]}
    assert {f"plugin {name}" for name in FAILING} <= set(wrong)
    assert "deepnoise-raising" in wrong["plugin raising"]["remedy"]


def test_an_allow_list_leaves_them_out(hostile: Mapping[str, str], python: Run) -> None:
    allowed = {**hostile, "DEEPNOISE_PLUGINS": "linear,timm"}
    done = python("-m", "deepnoise", "plugins", "list", "--json", environment=allowed)
    status = {plugin["name"]: plugin["status"] for plugin in json.loads(done.stdout)}
    assert {name for name, one in status.items() if one == "loaded"} == {"linear", "timm"}
    assert status["raising"] == "not allowed"


def test_strict_mode_is_an_error_and_ends_well_though_one_is_still_importing(
    hostile: Mapping[str, str], python: Run
) -> None:
    strict = {**hostile, "DEEPNOISE_STRICT_PLUGINS": "1"}
    done = python("-m", "deepnoise", "components", environment=strict)
    assert done.returncode == 2
    assert {line.partition("'")[0] for line in done.stderr.splitlines()} == {"plugin "}


def lay_out_all(folder: Path) -> None:
    """Lay out all of them; two distributions claim the name `contended`."""
    sources = {name: source for name, (source, _) in {**FAILING, **LOADED}.items()}
    for name, source in sources.items():
        lay_out(folder, f"deepnoise-{name}", name, source, "deepnoise>=99" if name == "demanding" else "")
    (folder / "deepnoise_unreadable-1.0.dist-info" / "METADATA").write_bytes(b"Name: \xff\xfe\n")
    for distribution in ("umbrella", "parasol"):
        lay_out(folder, distribution, "contended", GOOD)


def lay_out(folder: Path, distribution: str, name: str, source: str, requires: str = "") -> None:
    """Lay out a distribution of one plugin."""
    module = f"{distribution.replace('-', '_')}_plugin"
    metadata = folder / f"{distribution.replace('-', '_')}-1.0.dist-info"
    metadata.mkdir()
    lines = ["Metadata-Version: 2.1", f"Name: {distribution}", "Version: 1.0"]
    lines += [f"Requires-Dist: {requires}"] if requires else []
    (metadata / "METADATA").write_text("\n".join([*lines, ""]))
    (metadata / "entry_points.txt").write_text(f"[deepnoise]\n{name} = {module}\n")
    (folder / f"{module}.py").write_text(source)
