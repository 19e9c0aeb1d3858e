"""The recipes that come with deepnoise, as YAML files beside this module."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from deepnoise_registry.recipes.document import parse_document

_SUFFIX = ".yaml"


@cache
def builtin_names() -> tuple[str, ...]:
    """Names of the built-in recipes, sorted."""
    names = (entry.name for entry in files(__package__).iterdir())
    return tuple(sorted(name.removesuffix(_SUFFIX) for name in names if name.endswith(_SUFFIX)))


def builtin_text(name: str) -> str:
    """The YAML of a built-in recipe, comments included; a `KeyError` where there is none."""
    if name not in builtin_names():
        raise KeyError(name)
    return files(__package__).joinpath(f"{name}{_SUFFIX}").read_text(encoding="utf-8")


def builtin_summaries() -> Mapping[str, str]:
    """The line that each built-in recipe says of itself, by name; needs no plugin."""
    return {name: _summary(name) for name in builtin_names()}


def _summary(name: str) -> str:
    value = parse_document(builtin_text(name), name).value
    return str(value["summary"]) if isinstance(value, dict) else ""
