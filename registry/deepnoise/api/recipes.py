"""Recipes: read, and made to fit a screen."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from deepnoise.api.catalogue import installed
from deepnoise_core.contracts import Screen
from deepnoise_registry.recipes.reading import read_recipe
from deepnoise_registry.recipes.recipe import Recipe

if TYPE_CHECKING:
    from deepnoise_registry.compose import Composition


def load_recipe(source: str | Path, *, sets: Sequence[str] = ()) -> Recipe:
    """A built-in recipe or a YAML file, with every default filled in.

    Args:
        source: name or path.
        sets: overrides such as `train.epochs=3`.
    """
    return read_recipe(source, installed(), sets=sets).recipe


def compose(recipe: Recipe | str | Path, screen: Screen) -> Composition:
    """Build every component of a recipe for a screen, and train nothing."""
    from deepnoise_registry.compose import compose as compose_with

    return compose_with(as_recipe(recipe), screen, installed())


def as_recipe(recipe: Recipe | str | Path) -> Recipe:
    """A recipe as it is, or the one of a name or path."""
    return recipe if isinstance(recipe, Recipe) else load_recipe(recipe)
