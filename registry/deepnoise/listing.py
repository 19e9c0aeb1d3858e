"""What listings need of the catalogue; imports no torch."""

from __future__ import annotations

import os
from typing import Any

from deepnoise_core.contracts import Kind, Options
from deepnoise_core.contracts.errors import InputError, UnknownComponentError
from deepnoise_core.data.names import did_you_mean
from deepnoise_registry.catalogue import Catalogue
from deepnoise_registry.discovery import discover_from_environment
from deepnoise_registry.records import Offer, PluginRecord


def catalogue() -> Catalogue:
    """The components of all installed plugins."""
    return Catalogue(discover_from_environment(os.environ))


def kind_named(word: str) -> Kind:
    """The kind that a word names, singular or plural.

    Raises:
        InputError: there is no such kind; lists those that are.
    """
    names = [kind.value for kind in Kind]
    candidates = {word, word.removesuffix("s"), word.removesuffix("ies") + "y", word.replace("-", "")}
    for name in names:
        if name in candidates or name in {one.replace("-", "") for one in candidates}:
            return Kind(name)
    hint = did_you_mean(word, names)
    raise InputError(f"no kind of component is called {word!r}{hint}; kinds are {', '.join(names)}")


def find_anywhere(known: Catalogue, name: str) -> list[Offer]:
    """The offers of a name in every kind that has it; `kind/name` asks one kind alone.

    Raises:
        UnknownComponentError: no kind has it.
    """
    kind, _, rest = name.partition("/")
    if rest and kind in set(Kind):
        return [known.find(Kind(kind), rest)]
    offers = [offer for offer in known.offers() if name in (offer.name, offer.qualified_name)]
    if offers:
        return offers
    hint = did_you_mean(name, {offer.name for offer in known.offers()})
    raise UnknownComponentError(f"no component is named {name!r}{hint}; deepnoise components lists them all")


def offered(plugin: PluginRecord) -> str:
    """What a plugin offers, by kind: `backbone densenet121, densenet161; head linear`."""
    names: dict[Kind, list[str]] = {}
    for offer in plugin.components:
        names.setdefault(offer.kind, []).append(offer.name)
    return "; ".join(f"{kind} {', '.join(own)}" for kind, own in names.items())


def option_rows(options: type[Options]) -> list[list[Any]]:
    """Name, type, default and description of each option, as text."""
    schema = options.model_json_schema()
    return [
        [
            name,
            _type_of(field, schema.get("$defs", {})),
            "required" if "default" not in field else str(field["default"]),
            field.get("description", ""),
        ]
        for name, field in schema.get("properties", {}).items()
    ]


def _type_of(field: dict[str, Any], shared: dict[str, Any]) -> str:
    if "$ref" in field:
        return _type_of(shared[field["$ref"].rpartition("/")[2]], shared)
    if "enum" in field:
        return " | ".join(map(str, field["enum"]))
    if "anyOf" in field:
        return " | ".join(_type_of(one, shared) for one in field["anyOf"])
    return str(field.get("type", "any"))
