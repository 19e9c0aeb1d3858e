"""Where recipes differ, field by field."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from deepnoise_registry.recipes.recipe import PROSE


def differing_fields(recipes: Sequence[Mapping[str, Any]]) -> dict[str, tuple[Any, ...]]:
    """The fields in which filled recipes differ, those of prose apart.

    Options that follow from the names of components are not listed: each name has its own defaults.

    Args:
        recipes: N recipes in JSON types.

    Returns:
        Dotted key → its value in each recipe [N], None where a recipe lacks it; in the order of the recipes.
    """
    flat = [dict(_flat(recipe)) for recipe in recipes]
    keys = dict.fromkeys(key for one in flat for key in one)
    found = {key: tuple(one.get(key) for one in flat) for key in keys if key not in PROSE}
    differing = {key: values for key, values in found.items() if any(one != values[0] for one in values)}
    return {key: values for key, values in differing.items() if not _follows(key, values, differing)}


def _follows(key: str, values: Sequence[Any], differing: Mapping[str, Sequence[Any]]) -> bool:
    """Whether an option's value follows from the name of its component."""
    names = differing.get(f"{key.rpartition('.options.')[0]}.name", ())
    by_name = dict(zip(names, values, strict=False))
    return bool(names) and all(by_name[name] == value for name, value in zip(names, values, strict=True))


def _flat(value: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted keys of all values that are neither a mapping nor a list of mappings."""
    if isinstance(value, Mapping) and value:
        items = [(str(name), inner) for name, inner in value.items()]
    elif isinstance(value, list) and any(isinstance(inner, Mapping) for inner in value):
        items = [(str(number), inner) for number, inner in enumerate(value)]
    else:
        yield key, value
        return
    for name, inner in items:
        yield from _flat(inner, f"{key}.{name}" if key else name)
