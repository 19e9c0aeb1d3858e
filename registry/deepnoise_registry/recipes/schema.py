"""The JSON Schema of a recipe over the components at hand, for editors that complete and check."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic.json_schema import models_json_schema

from deepnoise_core.contracts import Kind, Options
from deepnoise_registry.catalogue import Catalogue
from deepnoise_registry.recipes.recipe import (
    COMPONENT_FIELDS,
    COMPONENT_LISTS,
    STAGE_FIELDS,
    Recipe,
    StageOptions,
)
from deepnoise_registry.records import Offer
from deepnoise_registry.third_party import blaming

DIALECT = "https://json-schema.org/draft/2020-12/schema"

_Schema = dict[str, Any]

_NOTHING: _Schema = {"not": {}}
"""What no value matches; stands in where no plugin offers a kind."""


def recipe_schema(catalogue: Catalogue) -> dict[str, Any]:
    """JSON Schema, draft 2020-12, in which each component field is one of the components on offer.

    Raises:
        PluginError: an options model has no JSON Schema; names the component and its plugin.
    """
    references, definitions = _model_schemas(catalogue)
    recipe = definitions.pop("Recipe")
    definitions.pop("ComponentReference")
    properties = recipe["properties"]
    _offer(Recipe, properties, COMPONENT_FIELDS, catalogue, references)
    _offer(StageOptions, definitions["StageOptions"]["properties"], STAGE_FIELDS, catalogue, references)
    for field, kind in COMPONENT_LISTS.items():
        items = {"oneOf": _choices(catalogue, kind, references) or [_NOTHING]}
        properties[field] = {**_annotations(properties[field]), "type": "array", "items": items}
    return {"$schema": DIALECT, **recipe, "$defs": definitions}


def _offer(
    model: type[Options],
    properties: dict[str, _Schema],
    fields: Mapping[str, Kind],
    catalogue: Catalogue,
    references: dict[type[Options], _Schema],
) -> None:
    """Let each of these fields of a model be one of the components on offer."""
    for field, kind in fields.items():
        choices = _choices(catalogue, kind, references)
        if model.model_fields[field].default is None:
            choices.append({"type": "null"})
        properties[field] = {**_annotations(properties[field]), "oneOf": choices or [_NOTHING]}


def _model_schemas(catalogue: Catalogue) -> tuple[dict[type[Options], _Schema], dict[str, _Schema]]:
    """A reference to the schema of every options model, and the schemas by the names that it uses."""
    models: set[type[Options]] = {Recipe}
    for offer in catalogue.offers():
        with blaming(f"options of the {offer.kind} {offer.name!r} of plugin {offer.plugin!r}"):
            offer.component.options.model_json_schema()
        models.add(offer.component.options)
    ordered = sorted(models, key=lambda model: (model.__module__, model.__qualname__))
    by_model, shared = models_json_schema([(model, "validation") for model in ordered])
    return {model: by_model[model, "validation"] for model in ordered}, shared["$defs"]


def _choices(catalogue: Catalogue, kind: Kind, references: dict[type[Options], _Schema]) -> list[_Schema]:
    """What a component of this kind may be written as: a bare name, or a mapping for each component."""
    offers = catalogue.offers(kind)
    bare = [catalogue.canonical_name(offer) for offer in offers if not _must_be_set(offer)]
    mappings = [
        _mapping(catalogue.canonical_name(offer), offer, references[offer.component.options]) for offer in offers
    ]
    return [{"enum": bare, "description": "by name, with default options"}, *mappings] if bare else mappings


def _mapping(name: str, offer: Offer, options: _Schema) -> _Schema:
    return {
        "type": "object",
        "title": name,
        "description": offer.component.summary,
        "properties": {"name": {"const": name}, "options": options},
        "required": ["name", "options"] if _must_be_set(offer) else ["name"],
        "additionalProperties": False,
    }


def _must_be_set(offer: Offer) -> bool:
    return any(field.is_required() for field in offer.component.options.model_fields.values())


def _annotations(schema: _Schema) -> _Schema:
    return {key: value for key, value in schema.items() if key in ("description", "default", "title")}
