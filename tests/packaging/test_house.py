"""The rules of the house that no linter knows: sizes, names, what source may not call, what no file may say."""

import ast
import os
import re
import statistics
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PACKAGES = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
MODULES = sorted(file for package in PACKAGES for file in (ROOT / package).rglob("*.py"))

LONGEST, TYPICAL = 300, 130
VAGUE = {"utils", "util", "helpers", "helper", "manager", "managers", "misc", "common"}
UNSAFE_MODULES = {"pickle", "cPickle", "dill", "cloudpickle", "marshal", "shelve", "joblib", "yaml"}
UNSAFE_CALLS = {"eval", "exec", "compile", "__import__", "torch.load", "torch.save"}
TENSORS_ALONE = "weights_only=True"

# Spelt in two parts, so that this file does not hold what it looks for.
HOSTS = ["pypi" + ".org", "python" + "hosted.org", "download.py" + "torch.org", "ana" + "conda.org", "npm" + "js"]
INDEX = ["--index" + "-url", "--extra-index" + "-url", "--find" + "-links"]
WORKPLACE = re.compile(r"(?<![\w.])/" + r"work\b")


def test_every_folder_of_tests_is_run() -> None:
    folders = {file.parent.relative_to(ROOT).as_posix() for file in (ROOT / "tests").rglob("test_*.py")}
    assert sorted(PROJECT["tool"]["pytest"]["ini_options"]["testpaths"]) == sorted(folders)


def test_no_clock_is_asked_that_somebody_may_set() -> None:
    asked = re.compile(r"\btime\.time(?:_ns)?\(|\bdatetime\.(?:now|utcnow|today)\(")
    dating = {file.relative_to(ROOT).as_posix() for file in MODULES if asked.search(file.read_text())}
    assert dating == {"registry/deepnoise_registry/hub/server/store.py"}, "a Hub tells the date of a commit"


def test_modules_are_short() -> None:
    lines = {file.relative_to(ROOT).as_posix(): len(file.read_text().splitlines()) for file in MODULES}
    assert {name: count for name, count in lines.items() if count > LONGEST} == {}
    assert statistics.median(lines.values()) <= TYPICAL


def test_modules_and_folders_are_named_for_what_they_hold() -> None:
    names = {part for file in MODULES for part in file.relative_to(ROOT).with_suffix("").parts}
    assert len(names) > 50
    assert names & VAGUE == set()


def test_tests_mirror_the_rooms_without_packages() -> None:
    files = list((ROOT / "tests").rglob("*.py"))
    assert not [file for file in files if file.name == "__init__.py"]
    names = [file.name for file in files if file.name.startswith("test_")]
    assert sorted(names) == sorted(set(names))


@pytest.mark.parametrize("source", ["import pickle", "from yaml import load", "eval('1')", "torch.load('a')"])
def test_unsafe_source_is_recognised(source: str) -> None:
    assert list(unsafe(ast.parse(source)))


def test_reading_tensors_alone_is_safe() -> None:
    assert not list(unsafe(ast.parse("torch.load('a', weights_only=True)")))
    assert list(unsafe(ast.parse("torch.load('a', weights_only=flag)")))


def test_source_runs_no_data_as_code() -> None:
    found = [
        f"{file.relative_to(ROOT)}:{line}: {name}"
        for file in MODULES
        for line, name in unsafe(ast.parse(file.read_text(), str(file)))
    ]
    assert found == []


def test_no_file_names_a_registry_or_a_workplace() -> None:
    said = [
        f"{file.relative_to(ROOT)}: {word}"
        for file in tracked_files()
        for word in forbidden_words(file.read_bytes().decode(errors="replace"))
    ]
    assert said == []


@pytest.mark.parametrize("text", [f"see https://{HOSTS[0]}/x", f"pip install {INDEX[0]} x", "cd /" + "work/main"])
def test_forbidden_words_are_recognised(text: str) -> None:
    assert list(forbidden_words(text))


def test_import_rules_hold(tmp_path: Path) -> None:
    program = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run(
        [program, "--cache-dir", tmp_path], cwd=ROOT, env=os.environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(PROJECT['tool']['importlinter']['contracts'])} kept, 0 broken" in done.stdout


def unsafe(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and name of each import and call that could run what a file holds."""
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                imported = [alias.name for alias in names]
            case ast.ImportFrom(module=str(module), level=0):
                imported = [module]
            case ast.Call(func=function, keywords=keywords) if ast.unparse(function) in UNSAFE_CALLS:
                if TENSORS_ALONE not in map(ast.unparse, keywords):
                    yield node.lineno, ast.unparse(function)
                continue
            case _:
                continue
        yield from ((node.lineno, name) for name in imported if name.partition(".")[0] in UNSAFE_MODULES)


def forbidden_words(text: str) -> Iterator[str]:
    """The hosts of package registries, index options and workplace paths in a text."""
    yield from (word for word in (*HOSTS, *INDEX) if word in text)
    yield from WORKPLACE.findall(text)


def tracked_files() -> list[Path]:
    """Every file that git tracks or would add."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if listing.returncode:
        pytest.skip("not a git checkout")
    files = [ROOT / name for name in listing.stdout.split("\0") if name]
    return [file for file in files if file.is_file()]
