"""Two hostile plugins beside the built-ins: every command goes on, and both are named."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from subprocess import CompletedProcess

import pytest

Run = Callable[..., CompletedProcess[str]]

CLASHING = """
from deepnoise_core.contracts import Component, hookimpl

@hookimpl
def deepnoise_heads():
    return [Component("linear", "A head of the same name.", "deepnoise_plugins.linear.head:LinearHead")]
"""


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """An environment in which one plugin raises at import and one offers a name that is taken."""
    folder = tmp_path_factory.mktemp("hostile")
    for name, source in {"raising": "raise RuntimeError('no luck today')", "clashing": CLASHING}.items():
        metadata = folder / f"deepnoise_{name}-1.0.dist-info"
        metadata.mkdir()
        (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: deepnoise-{name}\nVersion: 1.0\n")
        (metadata / "entry_points.txt").write_text(f"[deepnoise]\n{name} = deepnoise_{name}\n")
        (folder / f"deepnoise_{name}.py").write_text(source)
    return {"PYTHONPATH": str(folder)}


def test_both_are_listed_with_what_they_did(hostile: Mapping[str, str], python: Run) -> None:
    done = python("-m", "deepnoise", "plugins", "list", "--json", environment=hostile)
    plugins = {plugin["name"]: plugin for plugin in json.loads(done.stdout)}
    assert plugins["raising"]["status"] == "failed"
    assert "no luck today" in plugins["raising"]["reason"]
    assert plugins["clashing"]["distribution"] == "deepnoise-clashing"
    assert [one["qualified_name"] for one in plugins["clashing"]["components"]] == ["clashing/linear"]
    assert {plugin["status"] for name, plugin in plugins.items() if name != "raising"} == {"loaded"}


@pytest.mark.parametrize(
    "words",
    [
        "--help",
        "components",
        "component show mean-teacher",
        "recipe list",
        "recipe show tiny",
        "recipe check demo",
        "recipe fill tiny",
        "recipe schema",
    ],
)
def test_every_command_goes_on(words: str, hostile: Mapping[str, str], python: Run) -> None:
    done = python("-m", "deepnoise", *words.split(), environment=hostile)
    assert done.returncode == 0, done.stderr


def test_a_whole_journey_goes_on(hostile: Mapping[str, str], python: Run, tmp_path: Path) -> None:
    for words in (
        "simulate screen --preset tiny",
        "train tiny --screen screen --out run --set train.max_steps=1",
        "predict run --screen screen --out predictions --part test",
        "evaluate predictions",
    ):
        done = python("-m", "deepnoise", *words.split(), environment=hostile, cwd=tmp_path)
        assert done.returncode == 0, done.stderr


def test_doctor_finds_the_broken_one(hostile: Mapping[str, str], python: Run) -> None:
    done = python("-m", "deepnoise", "doctor", "--json", environment=hostile)
    assert done.returncode == 1
    (wrong,) = [finding for finding in json.loads(done.stdout) if not finding["works"]]
    assert wrong["subject"] == "plugin raising"
    assert "deepnoise-raising" in wrong["remedy"]


def test_a_taken_name_must_be_qualified(hostile: Mapping[str, str], python: Run) -> None:
    done = python("-m", "deepnoise", "recipe", "check", "tiny", "--set", "head=linear", environment=hostile)
    assert done.returncode == 2
    assert "'clashing/linear'" in done.stderr
    assert "'linear/linear'" in done.stderr
    assert "deepnoise-clashing" in done.stderr
    done = python(
        "-m", "deepnoise", "recipe", "check", "tiny", "--set", "head=linear/linear", environment=hostile
    )
    assert done.returncode == 0, done.stderr


def test_an_allow_list_leaves_them_out(hostile: Mapping[str, str], python: Run) -> None:
    allowed = {**hostile, "DEEPNOISE_PLUGINS": "linear,timm"}
    done = python("-m", "deepnoise", "plugins", "list", "--json", environment=allowed)
    status = {plugin["name"]: plugin["status"] for plugin in json.loads(done.stdout)}
    assert {name for name, one in status.items() if one == "loaded"} == {"linear", "timm"}
    assert status["raising"] == "not allowed"


def test_strict_mode_stops_at_the_first(hostile: Mapping[str, str], python: Run) -> None:
    strict = {**hostile, "DEEPNOISE_STRICT_PLUGINS": "1"}
    done = python("-m", "deepnoise", "components", environment=strict)
    assert done.returncode == 2
    assert "raising" in done.stderr
