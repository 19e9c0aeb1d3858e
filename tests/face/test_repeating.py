"""A card alone is enough to train the same again, in another copy of the program too."""

import json
import shlex
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import deepnoise as dn
from deepnoise.api import installed
from deepnoise.circumstances import differences
from deepnoise.repeating import read_original
from deepnoise_core.contracts.errors import ModelError
from deepnoise_registry.recipes.recipe import recipe_hash

Done = subprocess.CompletedProcess[str]

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("deepnoise_core", "plugins/deepnoise_plugins", "registry/deepnoise", "registry/deepnoise_registry")
PROGRAM = (
    "import sys, deepnoise, deepnoise_core, deepnoise_plugins, deepnoise_registry as registry\n"
    "from deepnoise.__main__ import main\n"
    "code = main()\n"
    "print(*(one.__file__ for one in (deepnoise, deepnoise_core, deepnoise_plugins, registry)), sep='\\n')\n"
    "sys.exit(code)\n"
)


@pytest.fixture
def card(tiny_run: Path, tmp_path: Path) -> Path:
    """A copy of the card of a finished run, with nothing beside it."""
    (tmp_path / "elsewhere").mkdir()
    return Path(shutil.copy(tiny_run / "run.json", tmp_path / "elsewhere" / "run.json"))


def metrics(run: Path) -> list[dict[str, float]]:
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    timed = ("seconds", "sites_per_second", "waiting")
    return [{name: value for name, value in line.items() if name not in timed} for line in lines]


def changed(card: Path, **facts: Any) -> Path:
    card.write_text(json.dumps(json.loads(card.read_text()) | facts))
    return card


def test_another_copy_of_the_program_trains_the_very_same_from_a_card_alone(
    tiny_run: Path, card: Path, tmp_path: Path, python: Callable[..., Done]
) -> None:
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tmp_path / "copy" / package, ignore=shutil.ignore_patterns("__pycache__"))
    copies = [str(tmp_path / "copy" / Path(package).parent) for package in PACKAGES[:3]]
    program, *words = shlex.split(json.loads(card.read_text())["again"])
    assert program == "deepnoise"
    environment = {"PYTHONPATH": ":".join(copies), "PYTHONSAFEPATH": "1"}
    done = python("-c", PROGRAM, *words, environment=environment, cwd=card.parent)
    assert done.returncode == 0, done.stderr
    assert all(Path(file).is_relative_to(tmp_path / "copy") for file in done.stdout.splitlines()[-4:])
    assert "repeating run.json: all that numbers depend on is as it was" in done.stderr
    assert done.stderr.rstrip().endswith("the weights are those of run.json, byte for byte")
    again = card.parent / "again"
    for name in ("bundle/model.safetensors", "recipe.yaml"):
        assert (again / name).read_bytes() == (tiny_run / name).read_bytes()
    assert metrics(again) == metrics(tiny_run)


def test_what_differs_is_told_before_and_other_weights_after(
    card: Path, tmp_path: Path, deepnoise: Callable[..., Done]
) -> None:
    facts = json.loads(card.read_text())
    changed(card, versions={**facts["versions"], "torch": "1.13.0"}, weights_sha256="0" * 64)
    done = deepnoise("train", "--repeat", card, "--out", tmp_path / "again")
    assert done.returncode == 1
    assert f"repeating {card}: numbers may differ, since not all is as it was: torch 1.13.0 then, " in done.stderr
    assert f"the weights are not those of {card}: epoch " in done.stderr


def test_a_bundle_tells_the_same_as_its_run(tiny_run: Path) -> None:
    run, bundle = (read_original(path, installed()) for path in (tiny_run, tiny_run / "bundle"))
    assert run.weights == bundle.weights
    assert run.card["screen"] == bundle.card["screen"]
    assert recipe_hash(run.recipe) == recipe_hash(dn.load_recipe(tiny_run / "recipe.yaml"))
    assert run.recipe.train == bundle.recipe.train


def test_every_difference_is_named(card: Path) -> None:
    then = json.loads(card.read_text())
    assert differences(then, then) == ()
    now = {
        **then,
        "versions": {**then["versions"], "timm": "0.1"},
        "hardware": "cpu (7 threads), fp32",
        "processes": 3,
        "screen": {**then["screen"], "sites_sha256": "0", "pixels_sha256": "1"},
    }
    assert differences(then, now) == (
        f"timm {then['versions']['timm']} then, 0.1 now",
        f"hardware: {then['hardware']} then, cpu (7 threads), fp32 now",
        "processes: 1 then, 3 now",
        "the screen's sites have other names, wells, labels or order",
        "the screen's images have other pixels",
    )
    old = {"versions": then["versions"], "hardware": then["hardware"], "screen": {"sites": 160}}
    assert differences(old, then) == ()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--repeat", "RUN"], "give --out RUN with it"),
        (["--repeat", "RUN", "--out", "again", "--set", "seed=1"], "no RECIPE, --resume, --set"),
        (["--repeat", "nowhere", "--out", "again"], "nowhere: there is no such run or bundle"),
    ],
)
def test_what_cannot_be_repeated_is_refused(
    words: list[str], said: str, tiny_run: Path, deepnoise: Callable[..., Done]
) -> None:
    done = deepnoise("train", *(str(tiny_run) if word == "RUN" else word for word in words))
    assert (done.returncode, said in done.stderr) == (2, True), done.stderr


def test_a_card_without_a_recipe_or_of_something_else_is_refused(card: Path) -> None:
    facts = json.loads(card.read_text())
    card.write_text(json.dumps({name: fact for name, fact in facts.items() if name != "filled"}))
    with pytest.raises(ModelError, match="tells no recipe; train its"):
        read_original(card, installed())
    card.write_text("[1]")
    with pytest.raises(ModelError, match="is no card of a run"):
        read_original(card, installed())


def test_a_screen_of_other_sites_is_refused(
    card: Path, tiny_screen: Path, deepnoise: Callable[..., Done]
) -> None:
    facts = json.loads(card.read_text())
    changed(card, screen={**facts["screen"], "sites": 159})
    done = deepnoise("train", "--repeat", card, "--out", card.parent / "again")
    assert done.returncode == 2
    assert "began with 159 sites" in done.stderr
