"""The grid of a sweep: which fields of a recipe take which values."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from pydantic import JsonValue

from deepnoise_core.contracts.errors import InputError, RecipeError
from deepnoise_registry.recipes.document import parse_document

Grid = Mapping[str, tuple[JsonValue, ...]]
"""Dotted key of a recipe → the values that it takes."""

_LONGEST_NAME = 80


@dataclass(frozen=True)
class Combination:
    """One value for each key of a grid.

    Attributes:
        values: dotted key → value, in the order of the grid.
    """

    values: Mapping[str, JsonValue]

    @property
    def sets(self) -> tuple[str, ...]:
        """The same as overrides of a recipe, `KEY=VALUE` each."""
        return tuple(f"{key}={json.dumps(value)}" for key, value in self.values.items())

    @property
    def label(self) -> str:
        """For readers: `backbone.name=densenet121, train.epochs=5`."""
        return ", ".join(f"{key}={_text(value)}" for key, value in self.values.items()) or "the recipe as it is"

    @property
    def slug(self) -> str:
        """What the names of its folders begin with: `densenet121-epochs-5`."""
        words = [
            value if isinstance(value, str) else f"{key.rpartition('.')[2]}-{_text(value)}"
            for key, value in self.values.items()
        ]
        return re.sub(r"[^A-Za-z0-9_.+]+", "-", "-".join(words)).strip("-.")[:_LONGEST_NAME] or "recipe"


def parse_grid(words: Sequence[str]) -> dict[str, tuple[JsonValue, ...]]:
    """Read `KEY=VALUE,VALUE,…`; values are YAML, in quotes, `[…]` or `{…}` where they hold commas.

    Raises:
        InputError: a word is no such thing, a key or a value comes twice, or a key is not for grids.
    """
    grid: dict[str, tuple[JsonValue, ...]] = {}
    for word in words:
        key, _, written = (part.strip() for part in word.partition("="))
        if not key or not written:
            raise InputError(
                f"--grid {word!r:.100}: give KEY=VALUE,VALUE,… with a dotted key, as in train.epochs=5,10"
            )
        if key == "seed":
            raise InputError(f"--grid {word}: say --seeds N, since seeds are what the others are compared over")
        if key in grid:
            raise InputError(f"--grid: {key} is given twice; give all its values at once, {key}=A,B,C")
        grid[key] = _values(key, written)
    return grid


def combinations(grid: Grid) -> list[Combination]:
    """Every combination of the values, the last key changing fastest; a single one where the grid is empty."""
    return [Combination(dict(zip(grid, values, strict=True))) for values in product(*grid.values())]


def _values(key: str, written: str) -> tuple[JsonValue, ...]:
    parsed = parse_document(f"[{written}]", f"--grid {key}")
    if parsed.problems:
        raise RecipeError(parsed.problems)
    if not isinstance(parsed.value, list):
        raise InputError(f"--grid {key}={written}: give values between commas, in quotes where they hold some")
    values = [json.dumps(value) for value in parsed.value]
    twice = next((value for value in values if values.count(value) > 1), None)
    if twice is not None:
        raise InputError(f"--grid {key}: the value {twice} is given twice")
    return tuple(parsed.value)


def _text(value: JsonValue) -> str:
    return value if isinstance(value, str) else json.dumps(value)
