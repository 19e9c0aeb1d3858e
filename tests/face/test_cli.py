"""The command line: help, JSON, what it imports, and how its words are read."""

import json
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepnoise.cli import spread

Run = Callable[..., CompletedProcess[str]]

COMMANDS = [
    "demo",
    "simulate",
    "train",
    "predict",
    "evaluate",
    "report",
    "submit",
    "components",
    "component show",
    "plugins list",
    "plugins show",
    "x",
    "recipe list",
    "recipe show",
    "recipe check",
    "recipe fill",
    "recipe schema",
    "doctor",
    "screen inspect",
]
LIGHT = [
    "--help",
    "components",
    "component show arcface",
    "plugins list",
    "plugins show timm",
    "x",
    "recipe list",
    "recipe show demo",
    "recipe check demo",
    "recipe fill demo",
    "recipe schema",
]
HEAVY = "torch timm polars scipy matplotlib accelerate"


@pytest.mark.parametrize("command", COMMANDS)
def test_help_ends_with_an_example(command: str, deepnoise: Run) -> None:
    done = deepnoise(*command.split(), "--help")
    assert done.returncode == 0
    assert f"Example: deepnoise {command}" in " ".join(done.stdout.split())


@pytest.mark.parametrize(
    "words", ["components", "component show linear", "plugins list", "recipe list", "doctor"]
)
def test_data_come_as_json(words: str, deepnoise: Run) -> None:
    assert json.loads(deepnoise(*words.split(), "--json").stdout)


def test_listings_are_for_people_too(deepnoise: Run) -> None:
    assert "DenseNet-121" in deepnoise("components", "backbones").stdout
    assert "densenet121" not in deepnoise("components", "head").stdout
    assert "ramp_epochs" in deepnoise("component", "show", "mean-teacher").stdout
    assert "It has no options." in deepnoise("component", "show", "site-mean").stdout
    assert "loaded" in deepnoise("plugins", "list").stdout
    assert "timm" in deepnoise("doctor").stdout


def test_a_filled_recipe_is_a_recipe(deepnoise: Run, tmp_path: Path) -> None:
    filled = deepnoise("recipe", "fill", "tiny", "--set", "strategy=supervised", "seed=7")
    assert "consistency" not in filled.stdout
    assert json.loads(deepnoise("recipe", "fill", "tiny", "--set", "seed=7", "--json").stdout)["seed"] == 7
    path = tmp_path / "mine.yaml"
    path.write_text(filled.stdout, encoding="utf-8")
    again = deepnoise("recipe", "fill", path)
    assert again.stdout == filled.stdout
    assert "correct" in deepnoise("recipe", "check", path).stdout


def test_light_commands_import_nothing_heavy(python: Run) -> None:
    code = (
        "import contextlib, io, sys\nfrom deepnoise.cli import main\n"
        f"for words in {LIGHT!r}:\n"
        "    with contextlib.redirect_stdout(io.StringIO()):\n"
        "        assert main(words.split()) == 0, words\n"
        f"    heavy = set({HEAVY!r}.split()) & set(sys.modules)\n"
        "    assert not heavy, (words, heavy)\n"
    )
    done = python("-c", code)
    assert done.returncode == 0, done.stderr


def test_wrong_use_ends_with_two(deepnoise: Run) -> None:
    assert deepnoise("nonsense").returncode == 2
    assert deepnoise("simulate").returncode == 2


@given(st.lists(st.sampled_from(["--set", "a=1", "b=2", "x", "--out", "-h"]), max_size=8))
def test_spreading_keeps_every_word_but_repeats_the_option(words: list[str]) -> None:
    def bare(some: list[str]) -> list[str]:
        return [word for word in some if word != "--set"]

    assert bare(list(spread(words))) == bare(words)


def test_one_option_takes_several_values() -> None:
    words = ["train", "tiny", "--set", "a=1", "b=2", "--out", "run", "--set", "c=3", "d"]
    assert spread(words) == ["train", "tiny", "--set", "a=1", "--set", "b=2", "--out", "run", "--set", "c=3", "d"]
