"""`plugins new` for every kind, as an author goes on from there, for `make test-plugins`.

Each project is written by the wheel's own program, installed in a fresh environment, checked by mypy, run through
its tests, and named in a recipe that trains for two steps. pytest runs this file only where it is named.
"""

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from deepnoise_core.contracts import Kind

TINY = """\
name: {kind}
data: {{image_size: 32, split: {{column: dataset, folds: 2}}}}
backbone: {{name: timm, options: {{model: test_efficientnet}}}}
head: linear
normalizer: z-score
augmentation: deepnoise
strategy: supervised
postprocessors: [site-mean]
train: {{epochs: 1, batch_size: 12}}
"""
SPLITS = (
    "split: {column: dataset, folds: 2}",
    "split: {unit: plate, validation: [unknown/P2], test: [unknown/P3]}",
)
EXAMPLE = (
    "import sys, pathlib; from {package}.example import write_example; write_example(pathlib.Path(sys.argv[1]))"
)

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def tiny(alone: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("screens") / "tiny"
    alone("-m", "deepnoise", "simulate", folder, "--preset", "tiny")
    return folder


@pytest.fixture(scope="session")
def types(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What mypy knows of libraries, found out once."""
    return tmp_path_factory.mktemp("types")


@pytest.mark.parametrize("kind", Kind)
def test_from_new_to_trained(
    kind: Kind, alone: Run, new_environment: Callable[..., Run], tiny: Path, types: Path, tmp_path: Path
) -> None:
    watch = Watch(kind)
    alone("-m", "deepnoise", "plugins", "new", f"my-{kind}", "--kind", kind, cwd=tmp_path)
    project = tmp_path / f"deepnoise-plugin-my-{kind}"
    watch("written")
    python = new_environment(project)
    watch("installed")
    python("-m", "mypy", "--cache-dir", types, cwd=project)
    watch("typed")
    kept = python("-m", "pytest", "-q", cwd=project).stdout
    watch("tested")
    assert f"{kind} my-{kind}: " in kept
    screen, recipe = tiny, named(kind)
    if kind is Kind.READER:
        (screen := tmp_path / "plates").mkdir()
        python("-c", EXAMPLE.format(package=f"deepnoise_plugin_my_{kind}"), screen)
        recipe = recipe.replace(*SPLITS)
    (tmp_path / "recipe.yaml").write_text(recipe)
    given = ("--screen", screen, "--device", "cpu", "--out")
    python("-m", "deepnoise", "train", tmp_path / "recipe.yaml", *given, tmp_path / "run")
    watch("trained")
    if kind is Kind.POSTPROCESSOR:
        python("-m", "deepnoise", "predict", tmp_path / "run", *given, tmp_path / "predictions")
        watch("predicted")
    laws = next(line for line in kept.splitlines() if line.endswith("laws kept in all"))
    sys.stdout.write(f"\n{watch}; {laws}\n")


def named(kind: Kind) -> str:
    """The recipe with the new component in the place of the one of its kind."""
    recipe = TINY.format(kind=kind)
    if kind is Kind.POSTPROCESSOR:
        return recipe.replace("[site-mean]", "[site-mean, my-postprocessor]")
    lines = [f"{kind}: my-{kind}" if line.startswith(f"{kind}: ") else line for line in recipe.splitlines()]
    return "\n".join(lines)


class Watch:
    """Seconds between the things that were done."""

    def __init__(self, what: str) -> None:
        self.said = [f"{what:13}"]
        self.last = time.monotonic()

    def __call__(self, done: str) -> None:
        now = time.monotonic()
        self.said.append(f"{done} {now - self.last:.1f} s")
        self.last = now

    def __str__(self) -> str:
        return ", ".join(self.said)
