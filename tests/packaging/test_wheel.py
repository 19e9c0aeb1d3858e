"""The wheel holds every package, nothing else, and works where only the wheel is installed."""

import json
import subprocess
import tomllib
import zipfile
from collections.abc import Callable
from fnmatch import fnmatch
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PACKAGES = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
ENTRY_POINTS = PROJECT["project"]["entry-points"]["deepnoise"]
BUILT_IN_PLUGINS = ROOT / "plugins" / "deepnoise_plugins"
RECIPES = ROOT / "registry" / "deepnoise_registry" / "recipes"

Run = Callable[..., subprocess.CompletedProcess[str]]


def test_packages_of_the_wheel_are_all_there_are() -> None:
    """Hatchling leaves out a mistyped or forgotten package without a word."""
    roots = [ROOT, ROOT / "plugins", ROOT / "registry"]
    found = [init.parent for root in roots for init in root.glob("deepnoise*/__init__.py")]
    assert sorted(PACKAGES) == sorted(path.relative_to(ROOT).as_posix() for path in found)


@pytest.mark.parametrize("module", ENTRY_POINTS.values(), ids=ENTRY_POINTS.keys())
def test_entry_point_leads_to_a_built_in_plugin(module: str) -> None:
    package, _, name = module.partition(".")
    assert package == BUILT_IN_PLUGINS.name
    assert (BUILT_IN_PLUGINS / name / "__init__.py").is_file()


def test_every_built_in_plugin_has_one_entry_point() -> None:
    folders = sorted(init.parent.name for init in BUILT_IN_PLUGINS.glob("*/__init__.py"))
    assert sorted(module.partition(".")[2] for module in ENTRY_POINTS.values()) == folders


def test_wheel_holds_all_sources_recipes_type_markers_and_the_licence(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    sources = {
        f"{Path(package).name}/{file.relative_to(ROOT / package).as_posix()}"
        for package in PACKAGES
        for file in (ROOT / package).rglob("*")
        if file.is_file() and "__pycache__" not in file.parts and not file.name.startswith(".")
    }
    assert len(sources) > 100
    assert sources <= names
    assert {f"{Path(package).name}/py.typed" for package in PACKAGES} <= names
    assert any(fnmatch(name, "deepnoise-*.dist-info/licenses/LICENSE") for name in names)


def test_wheel_holds_nothing_else(wheel: Path) -> None:
    tops = {name.partition("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
    version = PROJECT["project"]["version"]
    assert tops == {Path(package).name for package in PACKAGES} | {f"deepnoise-{version}.dist-info"}


def test_every_plugin_loads_from_the_wheel(alone: Run) -> None:
    plugins = json.loads(alone("-m", "deepnoise", "plugins", "list", "--json").stdout)
    assert {plugin["name"]: plugin["reason"] for plugin in plugins} == dict.fromkeys(ENTRY_POINTS, "")
    assert {plugin["status"] for plugin in plugins} == {"loaded"}


def test_every_recipe_is_in_the_wheel(alone: Run) -> None:
    recipes = json.loads(alone("-m", "deepnoise", "recipe", "list", "--json").stdout)
    assert [recipe["name"] for recipe in recipes] == sorted(file.stem for file in RECIPES.glob("*.yaml"))


def test_packages_come_from_the_wheel(alone: Run) -> None:
    names = [Path(package).name for package in PACKAGES]
    code = f"import {', '.join(names)}; print(*(module.__file__ for module in [{', '.join(names)}]), sep='\\n')"
    files = [Path(line) for line in alone("-c", code).stdout.splitlines()]
    assert [file.parent.name for file in files] == names
    assert {file.parents[1].name for file in files} == {"site-packages"}
    assert not any(file.is_relative_to(ROOT) for file in files)


@pytest.mark.parametrize("folder", ["plugins", "registry", "tests"])
def test_source_roots_cannot_be_imported(alone: Run, folder: str) -> None:
    done = alone("-c", f"import {folder}", code=1)
    assert f"No module named '{folder}'" in done.stderr


def test_the_program_starts(alone: Run) -> None:
    find = "(program,) = importlib.metadata.entry_points(group='console_scripts', name='deepnoise')"
    code = f"import importlib.metadata, sys; {find}; sys.exit(program.load()(['--help']))"
    assert "Usage: deepnoise" in alone("-c", code).stdout
