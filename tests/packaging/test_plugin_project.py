"""What `deepnoise plugins new` writes: of every kind, tidy, lawful, and used by name in one recipe."""

import importlib.metadata
import json
import runpy
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from deepnoise.cli import main
from deepnoise.plugin_project import PREFIX, plugin_files, write_plugin
from deepnoise_core.contracts import Component, Kind
from deepnoise_core.contracts.errors import InputError
from deepnoise_core.testing.cases import cases_of
from deepnoise_core.testing.plugins import plugin_named
from deepnoise_core.testing.suites import laws_of
from deepnoise_registry.catalogue import Catalogue
from deepnoise_registry.records import Discovery, Offer, PluginRecord

ROOT = Path(__file__).resolve().parents[2]
LONGEST = "abcdefghijklmnopqrstuvwx"
RECIPE = """\
name: all
data: {image_size: 32, split: {unit: plate, validation: [unknown/P2], test: [unknown/P3]}}
backbone: my-backbone
head: my-head
normalizer: my-normalizer
augmentation: my-augmentation
strategy: my-strategy
postprocessors: [site-mean, my-postprocessor]
train: {epochs: 1, batch_size: 8}
"""


@pytest.fixture(scope="module")
def projects(tmp_path_factory: pytest.TempPathFactory) -> Mapping[Kind, Path]:
    """One new plugin of each kind, `my-KIND`."""
    folder = tmp_path_factory.mktemp("projects")
    for kind in Kind:
        words = ["plugins", "new", f"my-{kind}", "--kind", kind, "--out", str(folder / f"{PREFIX}my-{kind}")]
        assert main(words) == 0
    return {kind: folder / f"{PREFIX}my-{kind}" for kind in Kind}


@pytest.fixture(scope="module")
def installed(projects: Mapping[Kind, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """All of them on the path, with what pip would tell of them beside, in an empty folder to work in."""
    site, before = tmp_path_factory.mktemp("site"), set(sys.modules)
    for kind, project in projects.items():
        shutil.copytree(project / "src", site, dirs_exist_ok=True)
        told = site / f"deepnoise_plugin_my_{kind}-0.1.0.dist-info"
        told.mkdir()
        (told / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project.name}\nVersion: 0.1.0\n")
        ((name, module),) = settings(project)["project"]["entry-points"]["deepnoise"].items()
        (told / "entry_points.txt").write_text(f"[deepnoise]\n{name} = {module}\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(site)
        patch.setenv("PYTHONPATH", str(site))
        patch.setattr(sys, "dont_write_bytecode", True)
        yield tmp_path_factory.mktemp("work")
    for module in set(sys.modules) - before:
        if module.startswith("deepnoise_plugin_my_"):
            del sys.modules[module]


def settings(project: Path) -> dict[str, Any]:
    return tomllib.loads((project / "pyproject.toml").read_text())


@pytest.mark.parametrize("command", ["check", "format --check"])
def test_sources_are_tidy_whatever_the_name(command: str, tmp_path: Path) -> None:
    for kind in Kind:
        for name in ("a", LONGEST):
            write_plugin(name, kind, tmp_path / kind / name, Catalogue(Discovery(())))
    words = [
        sys.executable,
        "-m",
        "ruff",
        *command.split(),
        "--no-cache",
        "--config",
        str(ROOT / "pyproject.toml"),
    ]
    if command == "check":
        words += ["--extend-per-file-ignores", "**/tests/**:S"]
    done = subprocess.run([*words, "."], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("kind", Kind)
def test_a_project_is_whole_short_and_honest(kind: Kind, projects: Mapping[Kind, Path]) -> None:
    project, package = projects[kind], f"deepnoise_plugin_my_{kind}"
    files = {file.relative_to(project).as_posix() for file in project.rglob("*") if file.is_file()}
    assert files >= {"README.md", "LICENSE", "CHANGELOG.md", ".gitignore", ".github/workflows/test.yml"}
    assert files >= {f"src/{package}/{name}.py" for name in ("__init__", "options", kind)}
    assert f"tests/test_my_{kind}.py" in files
    assert len((project / "src" / package / f"{kind}.py").read_text().splitlines()) <= 60
    lowest = importlib.metadata.version("deepnoise")
    assert settings(project)["project"]["dependencies"] == [
        f"deepnoise>={lowest},<0.{int(lowest.split('.')[1]) + 1}"
    ]
    assert f'"=={lowest}"' in (project / ".github" / "workflows" / "test.yml").read_text()


@pytest.mark.parametrize(
    ("installed", "bounds"),
    [("0.1.0", ">=0.1.0,<0.2"), ("0.9.3.dev2+g12", ">=0.9.3.dev2,<0.10"), ("1.4.2", ">=1.4.2,<2")],
)
def test_bounds_follow_what_is_installed(installed: str, bounds: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deepnoise.plugin_project.version", lambda name: installed)
    assert f'"deepnoise{bounds}"' in plugin_files("net", Kind.HEAD)["pyproject.toml"]


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize("kind", Kind)
def test_its_tests_hold_it_to_every_law(kind: Kind, projects: Mapping[Kind, Path]) -> None:
    tests = runpy.run_path(str(projects[kind] / "tests" / f"test_my_{kind}.py"))
    tests["test_the_plugin_is_installed"]()
    (marker,) = tests["test_laws"].pytestmark
    cases = cases_of(plugin_named(*marker.args), **marker.kwargs)
    assert len(cases) > 2 * len(laws_of(kind))
    for case in cases:
        tests["test_laws"](case)


def test_one_recipe_uses_them_all(installed: Path) -> None:
    (installed / "all.yaml").write_text(RECIPE)
    (installed / "screen").mkdir()
    screen = import_module("deepnoise_plugin_my_reader.example").write_example(installed / "screen")
    given = ["--screen", str(screen), "--device", "cpu", "--out"]
    run, predictions = installed / "run", installed / "predictions"
    assert main(["train", str(installed / "all.yaml"), *given, str(run)]) == 0
    assert main(["predict", str(run), *given, str(predictions)]) == 0
    assert len(pl.read_parquet(predictions / "predictions.parquet")) == 16
    needs = json.loads((run / "bundle" / "manifest.json").read_text())["requires"]
    named = {need["name"] for need in needs if need["distribution"].startswith(PREFIX)}
    assert named == {f"my-{kind}" for kind in Kind if kind is not Kind.READER}


@pytest.mark.parametrize(
    "name", ["", "Net", "my_net", "2net", "my--net", "-net", "net-", "my net", "../net", "n" * 25]
)
def test_names_that_cannot_be_one_are_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot name a plugin: take lower-case letters"):
        write_plugin(name, Kind.HEAD, tmp_path / "new", Catalogue(Discovery(())))
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("name", ["acme", "round"])
def test_names_that_are_taken_are_refused(name: str, tmp_path: Path) -> None:
    offer = Offer(Kind.HEAD, Component("round", "a head", "acme:Round"), "acme", "acme-parts", "2.1")
    plugin = PluginRecord("acme", "acme-parts", "2.1", "acme", "loaded", components=(offer,))
    known = Catalogue(Discovery((plugin,)))
    with pytest.raises(InputError, match=f"'{name}' of acme-parts 2.1"):
        write_plugin(name, Kind.HEAD, tmp_path / "new", known)


def test_nothing_is_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine.py").write_text("")
    assert main(["plugins", "new", "my-net", "--kind", "backbone", "--out", str(tmp_path)]) == 2
    assert "never overwritten" in capsys.readouterr().err
    assert [file.name for file in tmp_path.iterdir()] == ["mine.py"]


def test_an_unknown_kind_is_named_with_all_that_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plugins", "new", "my-net", "--kind", "network"]) == 2
    assert "kinds are backbone, head" in " ".join(capsys.readouterr().err.split())
