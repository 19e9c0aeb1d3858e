"""From the values of a document to a filled recipe, with every fault at its line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, JsonValue, ValidationError
from pydantic_core import ErrorDetails

from deepnoise_core.contracts import Kind
from deepnoise_core.contracts.errors import (
    AmbiguousComponentError,
    RecipeError,
    RecipeProblem,
    UnknownComponentError,
)
from deepnoise_core.data.names import did_you_mean
from deepnoise_registry.catalogue import Catalogue
from deepnoise_registry.recipes.document import Document, KeyPath
from deepnoise_registry.recipes.overrides import SOURCE
from deepnoise_registry.recipes.recipe import COMPONENT_FIELDS, COMPONENT_LISTS, STAGE_FIELDS, Recipe, default_of
from deepnoise_registry.third_party import blaming

_Model = TypeVar("_Model", bound=BaseModel)


def validate(document: Document, catalogue: Catalogue) -> Recipe:
    """The recipe of a document, with canonical names and every option of its components written out.

    Component shorthands must have been expanded.

    Raises:
        RecipeError: all that is wrong with it, in the order of the file.
        PluginError: a plugin's options model raises what is no validation error.
    """
    if not isinstance(document.value, dict):
        found = "nothing" if document.value is None else repr(document.value)[:60]
        document.problems.append(document.problem((), f"a recipe is a mapping of keys to values, found {found}"))
        raise RecipeError(document.problems)
    defaults = {field: default_of(field) for field in (*COMPONENT_FIELDS, *COMPONENT_LISTS)}
    recipe = {**{field: value for field, value in defaults.items() if value is not None}, **document.value}
    for path, kind, reference in list(_references(recipe)):
        reference |= _filled(document, path, kind, reference, catalogue)
    filled = _validated(document, Recipe, recipe, ())
    if filled is None or document.problems:
        raise RecipeError(_distinct(document.problems))
    return filled


def validate_options(document: Document, model: type[_Model]) -> _Model:
    """The values of a document as any other model, its faults told as those of a recipe.

    Raises:
        RecipeError: all that is wrong with it.
    """
    validated = _validated(document, model, document.value, ())
    if validated is None or document.problems:
        raise RecipeError(_distinct(document.problems))
    return validated


def _references(
    recipe: dict[str, JsonValue],
) -> Iterator[tuple[KeyPath, Kind, dict[str, JsonValue]]]:
    """The component references that are formed well enough to be looked up."""
    candidates: list[tuple[KeyPath, Kind, JsonValue]] = [
        ((name,), kind, recipe.get(name)) for name, kind in COMPONENT_FIELDS.items()
    ]
    for name, kind in COMPONENT_LISTS.items():
        items = recipe.get(name)
        if isinstance(items, list):
            candidates += [((name, index), kind, item) for index, item in enumerate(items)]
    stages = recipe.get("stages")
    for index, stage in enumerate(stages if isinstance(stages, list) else ()):
        if isinstance(stage, dict):
            candidates += [
                (("stages", index, name), kind, stage.get(name)) for name, kind in STAGE_FIELDS.items()
            ]
    for path, kind, value in candidates:
        if (
            isinstance(value, dict)
            and isinstance(value.get("name"), str)
            and isinstance(value.setdefault("options", {}), dict)
        ):
            yield path, kind, value


def _filled(
    document: Document, path: KeyPath, kind: Kind, reference: dict[str, JsonValue], catalogue: Catalogue
) -> dict[str, JsonValue]:
    """Canonical name and all options of one component; nothing where it has a fault."""
    try:
        offer = catalogue.find(kind, str(reference["name"]))
    except (UnknownComponentError, AmbiguousComponentError) as error:
        document.problems.append(document.problem((*path, "name"), str(error)))
        return {}
    with blaming(f"options of the {kind} {offer.name!r} of plugin {offer.plugin!r}"):
        options = _validated(document, offer.component.options, reference["options"], (*path, "options"))
        if options is None:
            return {}
        dumped = options.model_dump(mode="json", by_alias=True)
    return {"name": catalogue.canonical_name(offer), "options": dumped}


def _validated(document: Document, model: type[_Model], value: JsonValue, path: KeyPath) -> _Model | None:
    """The value as a model; where it has faults, they are noted and the result is None."""
    try:
        # Strict JSON takes lists for tuples and texts for enums, but no text for a number.
        return model.model_validate_json(json.dumps(value), strict=True)
    except ValidationError as error:
        document.problems += [
            _problem(document, model, value, path, details) for details in error.errors(include_url=False)
        ]
        return None


def _problem(
    document: Document, model: type[BaseModel], value: JsonValue, path: KeyPath, details: ErrorDetails
) -> RecipeProblem:
    inner = _existing(value, details["loc"])
    if details["type"] == "missing":
        return document.problem((*path, *details["loc"]), "required, but missing")
    if details["type"] != "extra_forbidden":
        return document.problem((*path, *inner), _message(details))
    known = _keys(model, inner[:-1])
    listed = f"; known here: {', '.join(known)}" if known else ""
    message = f"unknown key{did_you_mean(str(inner[-1]), known)}{listed}"
    place = document.place((*path, *inner))
    if place.key:
        return RecipeProblem(place.source, place.line, place.key, message)
    return document.problem((*path, *inner), message)


def _message(details: ErrorDetails) -> str:
    message = details["msg"].removeprefix("Value error, ").removeprefix("Assertion failed, ")
    message = message.replace("Input should be", "should be").replace("an object", "a mapping")
    message = " ".join(message.split())
    found = json.dumps(details["input"], default=repr)
    return f"{message}, found {found}" if len(found) <= 80 else message


def _existing(value: Any, location: tuple[int | str, ...]) -> KeyPath:
    """The part of pydantic's location that leads to a value; the rest names branches of unions."""
    path: KeyPath = ()
    with suppress(KeyError, IndexError, TypeError):
        for part in location:
            value = value[part]
            path = (*path, part)
    return path


def _keys(model: type[BaseModel], location: KeyPath) -> tuple[str, ...]:
    """The keys that a model, or the model nested in it at a location, knows; empty where there is none."""
    for part in location:
        fields = {field.alias or name: field for name, field in model.model_fields.items()}
        inner = _model_in(fields[part].annotation) if part in fields else model
        if inner is None:
            return ()
        model = inner
    return tuple(field.alias or name for name, field in model.model_fields.items())


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in get_args(annotation) if (found := _model_in(part))), None)


def _distinct(problems: list[RecipeProblem]) -> list[RecipeProblem]:
    """In the order of the file, overrides last; the first of several faults of one value speaks for all."""
    first = {(one.source, one.line, one.field): one for one in reversed(problems)}
    return sorted(first.values(), key=lambda one: (one.source == SOURCE, one.line, problems.index(one)))
