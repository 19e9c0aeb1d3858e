"""`--set KEY=VALUE`: changes to a recipe before it is validated."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from pydantic import JsonValue

from deepnoise_core.contracts.errors import RecipeError, RecipeProblem
from deepnoise_registry.recipes.document import DEEPEST, Document, KeyPath, Place, dotted, parse_document
from deepnoise_registry.recipes.recipe import COMPONENT_FIELDS, COMPONENT_LISTS, STAGE_FIELDS, Recipe, default_of

SOURCE = "--set"
"""Where the faults of overrides are said to be."""


def apply_overrides(document: Document, sets: Sequence[str]) -> tuple[str, ...]:
    """Change the values of a document in the order given, and expand its component shorthands.

    A dotted key names a field, an option or, by number, an item of a list; the number after the last one
    appends. Naming another component drops the options that the recipe gave to the one it replaces, but
    none that were set. Faults are added to the document's problems.

    Returns:
        One note for each component whose options were dropped.
    """
    _expand_shorthands(document)
    notes: list[str] = []
    for text in sets:
        try:
            notes += _apply(document, text)
        except RecipeError as error:
            document.problems += error.problems
    return tuple(notes)


def _apply(document: Document, text: str) -> list[str]:
    key, parts, value = _parse(text, document)
    if not isinstance(document.value, dict):
        return []
    place = Place(SOURCE, key=key)
    _write_default(document.value, parts)
    slot = _slot_length(parts)
    if len(parts) == slot and isinstance(value, str):
        parts = [*parts, "name"]
    container, path = _descend(document, document.value, parts, place)
    renames = len(parts) == slot + 1 and parts[-1] == "name" and isinstance(container, dict)
    notes = _drop_options(document, container, path[:-1], value) if slot and renames else []
    _assign(container, path[-1], value)
    for inner in [known for known in document.places if known[: len(path)] == path]:
        del document.places[inner]
    document.places[path] = place
    _expand_shorthands(document)
    return notes


def _parse(text: str, document: Document) -> tuple[str, list[str], JsonValue]:
    key, equals, written = text.partition("=")
    key = key.strip()
    parts = key.split(".")
    if not equals or not all(parts) or not key.isprintable() or len(parts) > DEEPEST:
        raise _fault("", f"{text!r:.100} is not KEY=VALUE with a dotted key, as in train.epochs=5")
    try:
        parsed = parse_document(written, SOURCE)
    except RecipeError as error:
        raise RecipeError([replace(one, line=0, field=key) for one in error.problems]) from error
    document.problems += [replace(one, line=0, field=f"{key}.{one.field}".rstrip(".")) for one in parsed.problems]
    return key, parts, parsed.value


def _write_default(recipe: dict[str, JsonValue], parts: Sequence[str]) -> None:
    """Write out the default of a field that is about to be changed in part."""
    if len(parts) > 1 and parts[0] not in recipe and parts[0] in Recipe.model_fields:
        recipe[parts[0]] = default_of(parts[0])


def _slot_length(parts: Sequence[str]) -> int:
    """How many leading parts of a key name one component; 0 where they name none."""
    if parts[0] in COMPONENT_FIELDS:
        return 1
    if parts[0] == "stages" and len(parts) > 2 and parts[2] in STAGE_FIELDS:
        return 3
    return 2 if parts[0] in COMPONENT_LISTS and len(parts) > 1 else 0


def _descend(
    document: Document, recipe: dict[str, JsonValue], parts: Sequence[str], place: Place
) -> tuple[dict[str, JsonValue] | list[JsonValue], KeyPath]:
    """The container of the last part, made where it is absent, and the path of the last part."""
    container: dict[str, JsonValue] | list[JsonValue] = recipe
    path: KeyPath = ()
    for part, following in zip(parts, [*parts[1:], None], strict=True):
        key = _key(container, part, path, place)
        path = (*path, key)
        if following is None:
            break
        inner = _get(container, key)
        if inner is None:
            inner = {}
            _assign(container, key, inner)
            document.places[path] = place
        if not isinstance(inner, dict | list):
            raise _fault(place.key, f"{dotted(path)} holds {inner!r:.60}, so nothing inside it can be set")
        container = inner
    return container, path


def _key(container: dict[str, JsonValue] | list[JsonValue], part: str, path: KeyPath, place: Place) -> str | int:
    if isinstance(container, dict):
        return part
    if part in {str(index) for index in range(len(container) + 1)}:
        return int(part)
    raise _fault(place.key, f"{dotted(path)} is a list; its items are set by number, 0 to {len(container)}")


def _get(container: dict[str, JsonValue] | list[JsonValue], key: str | int) -> JsonValue:
    if isinstance(container, dict):
        return container.get(str(key))
    return container[int(key)] if int(key) < len(container) else None


def _assign(container: dict[str, JsonValue] | list[JsonValue], key: str | int, value: JsonValue) -> None:
    if isinstance(container, dict):
        container[str(key)] = value
    elif int(key) < len(container):
        container[int(key)] = value
    else:
        container.append(value)


def _drop_options(
    document: Document, component: dict[str, JsonValue] | list[JsonValue], path: KeyPath, name: JsonValue
) -> list[str]:
    """Take the recipe's own options from a component that is about to get another name."""
    if not isinstance(component, dict) or component.get("name") in (None, name):
        return []
    options = component.get("options")
    if not isinstance(options, dict):
        return []
    kept = _set_values(document, options, (*path, "options"))
    component["options"] = kept
    dropped = ", ".join(sorted(key for key, value in options.items() if kept.get(key) != value))
    note = f"{dotted(path)}: {name} replaces {component['name']}, whose options are dropped: {dropped}"
    return [note] if dropped else []


def _set_values(document: Document, values: dict[str, JsonValue], path: KeyPath) -> dict[str, JsonValue]:
    """Those of the values, at any depth, that an override gave."""
    kept: dict[str, JsonValue] = {}
    for key, value in values.items():
        inner = (*path, key)
        if document.place(inner).source == SOURCE:
            kept[key] = value
        elif isinstance(value, dict) and (deeper := _set_values(document, value, inner)):
            kept[key] = deeper
    return kept


def _expand_shorthands(document: Document) -> None:
    """Write every component that is a bare string as a mapping with its name."""
    if not isinstance(document.value, dict):
        return
    _expand_fields(document.value, COMPONENT_FIELDS)
    stages = document.value.get("stages")
    for stage in stages if isinstance(stages, list) else ():
        if isinstance(stage, dict):
            _expand_fields(stage, STAGE_FIELDS)
    for field in COMPONENT_LISTS:
        if isinstance(items := document.value.get(field), list):
            document.value[field] = [{"name": item} if isinstance(item, str) else item for item in items]


def _expand_fields(values: dict[str, JsonValue], fields: Iterable[str]) -> None:
    for field in fields:
        if isinstance(value := values.get(field), str):
            values[field] = {"name": value}


def _fault(field: str, message: str) -> RecipeError:
    return RecipeError([RecipeProblem(SOURCE, 0, field, message)])
