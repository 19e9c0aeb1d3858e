"""Whether what a hook returned is what its spec asks for."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import cast

from deepnoise_core.contracts import Component, Options
from deepnoise_core.contracts.errors import PluginError

NAME = re.compile(r"[a-z0-9][a-z0-9._-]*")
"""Names of components, as in `densenet161`, `efficientnet_b0`, `mean-teacher`."""

_WORD = r"[A-Za-z_][A-Za-z0-9_]*"
_FACTORY = re.compile(rf"{_WORD}(\.{_WORD})*:{_WORD}(\.{_WORD})*")


def check_components(returned: object) -> tuple[Component, ...]:
    """The records that a hook returned.

    Raises:
        PluginError: it is no iterable of well-formed `Component` records with distinct names; the message
            says what is wrong with which of them.
    """
    if isinstance(returned, Component):
        raise PluginError("returned one Component instead of an iterable of them")
    try:
        records: tuple[object, ...] = tuple(cast("Iterable[object]", returned))
    except TypeError as error:
        raise PluginError(f"returned {returned!r:.100} instead of an iterable of Component: {error}") from error
    components: dict[str, Component] = {}
    for position, record in enumerate(records):
        if not isinstance(record, Component):
            raise PluginError(f"returned {record!r:.100} at position {position} instead of a Component")
        _check(record)
        if record.name in components:
            raise PluginError(f"returned two components named {record.name!r}")
        components[record.name] = record
    return tuple(components.values())


def _check(record: Component) -> None:
    who = f"component {record.name!r:.100}"
    if not isinstance(record.name, str) or not NAME.fullmatch(record.name):
        raise PluginError(f"{who}: a name is lower-case letters, digits, '-', '_' and '.'")
    if not isinstance(record.summary, str) or not record.summary.strip() or "\n" in record.summary:
        raise PluginError(f"{who}: the summary must be one line of text, not {record.summary!r:.100}")
    if not isinstance(record.factory, str) or not _FACTORY.fullmatch(record.factory):
        raise PluginError(f"{who}: the factory must be 'package.module:attribute', not {record.factory!r:.100}")
    if not isinstance(record.reference, str):
        raise PluginError(f"{who}: the reference must be text, not {record.reference!r:.100}")
    _check_options(who, record.options)


def _check_options(who: str, options: object) -> None:
    if not isinstance(options, type) or not issubclass(options, Options):
        raise PluginError(f"{who}: options must be a subclass of Options, not {options!r:.100}")
    if options.model_config.get("extra") != "forbid":
        raise PluginError(f"{who}: options must keep extra='forbid'")
    if not options.__pydantic_complete__:
        options.model_rebuild()
