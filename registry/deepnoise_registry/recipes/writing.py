"""Writes a recipe as YAML that reads back as the same recipe."""

from __future__ import annotations

import io
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.representer import RoundTripRepresenter
from ruamel.yaml.scalarstring import DoubleQuotedScalarString

from deepnoise_registry.recipes.recipe import Recipe

_UNFOLDED = 2**20


def recipe_to_yaml(recipe: Recipe) -> str:
    """YAML 1.2 of a recipe with every default written out; mappings in blocks, lists of values in a line."""
    yaml = YAML()
    yaml.Representer = _Representer
    yaml.width = _UNFOLDED
    yaml.indent(mapping=2, sequence=4, offset=2)
    text = io.StringIO()
    yaml.dump(_laid_out(recipe.model_dump(mode="json")), text)
    return text.getvalue()


class _Representer(RoundTripRepresenter):
    """Spells null out, so that no key looks forgotten."""


_Representer.add_representer(
    type(None), lambda representer, _: representer.represent_scalar("tag:yaml.org,2002:null", "null")
)


def _laid_out(value: Any) -> Any:
    if isinstance(value, str) and not value.isprintable():
        return DoubleQuotedScalarString(value)  # other styles fold U+0085 and its kin into spaces
    if isinstance(value, dict):
        return CommentedMap({key: _laid_out(inner) for key, inner in value.items()})
    if not isinstance(value, list):
        return value
    items = CommentedSeq(_laid_out(item) for item in value)
    if not _holds_mapping(value):
        items.fa.set_flow_style()
    return items


def _holds_mapping(value: Any) -> bool:
    if isinstance(value, list):
        return any(_holds_mapping(item) for item in value)
    return isinstance(value, dict)
