"""Built-in recipes: what they reproduce, and that each of their trainings goes with a screen."""

import os

import pytest
import torch

from deepnoise_core.contracts import Screen
from deepnoise_core.data.simulator import PRESETS, simulate
from deepnoise_registry.catalogue import Catalogue
from deepnoise_registry.compose import compose
from deepnoise_registry.discovery import discover_from_environment
from deepnoise_registry.recipes import (
    builtin_names,
    builtin_text,
    parse_recipe,
    read_recipe,
    recipe_hash,
    recipe_to_yaml,
)
from deepnoise_registry.recipes.document import parse_document
from deepnoise_registry.recipes.stages import parts_of

CELL_TYPES = ("HEPG2", "HUVEC", "RPE", "U2OS")
PUBLISHED = [name for name in builtin_names() if f"{name}-small" in builtin_names()]


@pytest.fixture(scope="module")
def installed() -> Catalogue:
    return Catalogue(discover_from_environment(os.environ))


@pytest.fixture(scope="module")
def screen() -> Screen:
    """One plate's worth of each cell type in training, enough for every split of a built-in recipe."""
    tiny = PRESETS["tiny"]
    layout = tiny.layout.model_copy(
        update={
            "train_experiments": dict.fromkeys(CELL_TYPES, 2),
            "test_experiments": {"RPE": 1},
        }
    )
    return simulate(tiny.model_copy(update={"layout": layout, "image_size": 32}), seed=0)


@pytest.mark.parametrize("name", builtin_names())
def test_each_training_of_a_recipe_goes_with_a_screen(name: str, installed: Catalogue, screen: Screen) -> None:
    recipe, notes = read_recipe(name, installed)
    assert notes == ()
    assert recipe.name == name
    for part in parts_of(recipe, CELL_TYPES):
        with torch.device("meta"):
            composition = compose(part.recipe, screen, installed)
        assert composition.student.num_classes == len(composition.target.classes) >= 12
        used = set(screen.column("cell_type")[composition.target.codes >= 0])
        assert used == set(part.recipe.data.cell_types or CELL_TYPES)


@pytest.mark.parametrize("name", builtin_names())
def test_a_run_can_read_the_recipe_that_it_wrote(name: str, installed: Catalogue) -> None:
    for part in parts_of(read_recipe(name, installed).recipe, CELL_TYPES):
        again, notes = parse_recipe(recipe_to_yaml(part.recipe), "written", installed)
        assert (again, notes) == (part.recipe, ())


def test_published_systems_have_a_small_twin() -> None:
    assert PUBLISHED == ["deepnoise", "rcic-1st", "wilds-erm"]


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_published_system_says_its_score_and_protocol(name: str, installed: Catalogue) -> None:
    recipe, _ = read_recipe(name, installed)
    assert all((recipe.reproduces, recipe.published, recipe.protocol, recipe.summary))
    assert any(character.isdigit() for character in recipe.published)
    shown = parse_document(builtin_text(name), name).value
    assert isinstance(shown, dict)
    assert {"reproduces", "published", "protocol"} <= shown.keys()


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_small_twin_has_the_components_of_its_original(name: str, installed: Catalogue) -> None:
    """All but the network, whose size is the point."""
    large, small = (read_recipe(one, installed).recipe for one in (name, f"{name}-small"))
    for field in ("head", "normalizer", "augmentation", "strategy"):
        assert getattr(small, field).name == getattr(large, field).name
    assert [one.name for one in small.postprocessors] == [one.name for one in large.postprocessors]
    assert [(one.name, one.by, one.head_start) for one in small.stages] == [
        (one.name, one.by, one.head_start) for one in large.stages
    ]
    for one, two in zip(small.stages, large.stages, strict=True):
        assert (one.strategy and one.strategy.name) == (two.strategy and two.strategy.name)


def test_prose_changes_no_number(installed: Catalogue) -> None:
    recipe, _ = read_recipe("wilds-erm", installed)
    told = recipe.model_copy(update={"published": "", "protocol": "", "reproduces": "", "summary": ""})
    assert recipe_hash(told) == recipe_hash(recipe)
