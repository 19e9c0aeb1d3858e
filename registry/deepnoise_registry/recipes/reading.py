"""Reads recipes: built-in ones by name, others from YAML files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from deepnoise_core.contracts.errors import InputError, RecipeError, RecipeProblem
from deepnoise_core.data.names import did_you_mean
from deepnoise_registry.catalogue import Catalogue
from deepnoise_registry.recipes.document import LARGEST, parse_document
from deepnoise_registry.recipes.library import builtin_names, builtin_text
from deepnoise_registry.recipes.overrides import apply_overrides
from deepnoise_registry.recipes.recipe import Recipe
from deepnoise_registry.recipes.validation import validate


class RecipeReading(NamedTuple):
    """A filled recipe, and one line for each thing its reader must know, e.g. dropped options."""

    recipe: Recipe
    notes: tuple[str, ...]


def read_recipe(source: str | Path, catalogue: Catalogue, *, sets: Sequence[str] = ()) -> RecipeReading:
    """Read a recipe, change it by `KEY=VALUE` overrides, and fill in every default.

    Args:
        source: name of a built-in recipe, or path of a YAML file; a text that is a built-in name is one.
        catalogue: the components that it may name.
        sets: overrides, e.g. `train.epochs=5`, applied in order.

    Raises:
        InputError: there is no such recipe, or its file cannot be read.
        RecipeError: all that is wrong with the recipe, one line each.
    """
    return parse_recipe(recipe_text(source), str(source), catalogue, sets=sets)


def parse_recipe(text: str, source: str, catalogue: Catalogue, *, sets: Sequence[str] = ()) -> RecipeReading:
    """The same from YAML at hand; `source` says in messages where it came from.

    Raises:
        RecipeError: all that is wrong with the recipe, one line each.
    """
    document = parse_document(text, source)
    notes = apply_overrides(document, sets)
    return RecipeReading(validate(document, catalogue), notes)


def recipe_text(source: str | Path) -> str:
    """The YAML of a recipe as it was written, comments included; errors as of `read_recipe`."""
    if isinstance(source, str) and source in builtin_names():
        return builtin_text(source)
    return _file_text(source)


def _file_text(source: str | Path) -> str:
    try:
        with Path(source).open("rb") as file:
            raw = file.read(LARGEST + 1)
    except (FileNotFoundError, ValueError) as error:
        names = builtin_names()
        hint = did_you_mean(str(source), names)
        raise InputError(
            f"no recipe {str(source)!r}{hint}; built in are {', '.join(names)}, and no file has that path"
        ) from error
    except OSError as error:
        raise InputError(f"recipe {str(source)!r} cannot be read: {error.strerror or error}") from error
    if len(raw) > LARGEST:
        raise InputError(f"recipe {str(source)!r} is larger than {LARGEST:,} bytes, so it is none")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        problem = RecipeProblem(str(source), line, "", f"not UTF-8 text: byte {raw[error.start]:#04x}")
        raise RecipeError([problem]) from error
