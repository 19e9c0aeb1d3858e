"""Recipes: YAML files that name components and their options; no code, no import path, no expression."""

from deepnoise_registry.recipes.library import builtin_names, builtin_summaries, builtin_text
from deepnoise_registry.recipes.reading import RecipeReading, parse_recipe, read_recipe, recipe_text
from deepnoise_registry.recipes.recipe import ComponentReference, Recipe, StageOptions, recipe_hash
from deepnoise_registry.recipes.schema import recipe_schema
from deepnoise_registry.recipes.writing import recipe_to_yaml

__all__ = [
    "ComponentReference",
    "Recipe",
    "RecipeReading",
    "StageOptions",
    "builtin_names",
    "builtin_summaries",
    "builtin_text",
    "parse_recipe",
    "read_recipe",
    "recipe_hash",
    "recipe_schema",
    "recipe_text",
    "recipe_to_yaml",
]
