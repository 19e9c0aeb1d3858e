"""What listings need of the catalogue; imports no torch."""

from __future__ import annotations

import os
from typing import Any

from deepnoise_core.contracts import Kind, Options
from deepnoise_core.contracts.errors import InputError, UnknownComponentError
from deepnoise_core.data.names import did_you_mean
from deepnoise_registry.catalogue import Catalogue
from deepnoise_registry.compatibility import HOST
from deepnoise_registry.discovery import ALLOWED, discover_from_environment
from deepnoise_registry.records import Offer, PluginRecord

_SLOW = 0.5
"""Seconds from which a listing tells how long a plugin took."""


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
    """What a plugin offers, by kind: `backbone densenet121, densenet161; head linear; command convert`."""
    names: dict[str, list[str]] = {}
    for offer in plugin.components:
        names.setdefault(offer.kind, []).append(offer.name)
    for command in plugin.commands:
        names.setdefault("command", []).append(command.name)
    return "; ".join(f"{kind} {', '.join(own)}" for kind, own in names.items())


def plugins_named(known: Catalogue, name: str) -> list[PluginRecord]:
    """The plugins of a name; more than one where distributions contend for it.

    Raises:
        InputError: none that is installed has it.
    """
    plugins = known.discovery.plugins
    if found := [plugin for plugin in plugins if plugin.name == name]:
        return found
    hint = did_you_mean(name, {plugin.name for plugin in plugins})
    raise InputError(f"no plugin is named {name!r}{hint}; deepnoise plugins list lists them all")


def plugin_row(plugin: PluginRecord) -> list[str]:
    """Name, origin, what it was made for, status, and what it offers or why it failed."""
    status = f"{plugin.status}, {plugin.seconds:.1f} s" if plugin.seconds >= _SLOW else plugin.status
    return [plugin.name, plugin.origin, made_for(plugin), status, plugin.reason or offered(plugin)]


def made_for(plugin: PluginRecord) -> str:
    """The API that a plugin declares and the versions of deepnoise that it requires, where it says them."""
    said = (plugin.api and f"API {plugin.api}", plugin.host and f"{HOST}{plugin.host}")
    return ", ".join(filter(None, said))


def described(plugin: PluginRecord) -> str:
    """All about a plugin but its components, in lines."""
    facts = {
        "from": plugin.origin,
        "module": plugin.module,
        "made for": made_for(plugin) or "it does not say",
        "status": f"{plugin.status}, after {plugin.seconds:.2f} s",
        "reason": plugin.reason,
        "hooks": ", ".join(plugin.hooks),
        "commands": "; ".join(f"{one.name}: {one.command.summary}" for one in plugin.commands),
        **{f"note {count}": note for count, note in enumerate(plugin.notes, 1)},
        "to leave it out": _leaving_out(plugin),
    }
    return "\n".join([f"plugin {plugin.name}", *(f"  {key}: {text}" for key, text in facts.items() if text)])


def _leaving_out(plugin: PluginRecord) -> str:
    if plugin.distribution == HOST:
        return f"it comes with deepnoise; name all others in {ALLOWED}"
    return f"pip uninstall {plugin.distribution}" if plugin.distribution else f"remove its files: {plugin.module}"


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
