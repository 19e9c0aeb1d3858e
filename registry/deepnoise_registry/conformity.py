"""Whether what a hook returned is what its spec asks for."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TypeVar, cast

from deepnoise_core.contracts import Command, Component, Options
from deepnoise_core.contracts.errors import PluginError

NAME = re.compile(r"[a-z0-9][a-z0-9._-]*")
"""Names of components, as in `densenet161`, `efficientnet_b0`, `mean-teacher`, and of commands."""

MOST = 1_000
"""Records that one hook may return; whoever has more offers one with options."""

Record = TypeVar("Record", Component, Command)

_WORD = r"[A-Za-z_][A-Za-z0-9_]*"
_IMPORT = re.compile(rf"{_WORD}(\.{_WORD})*:{_WORD}(\.{_WORD})*")


def check_records(returned: object, wanted: type[Record]) -> tuple[Record, ...]:
    """The records that a hook returned.

    Args:
        returned: what it returned.
        wanted: what its spec asks for, `Component` or `Command`.

    Raises:
        PluginError: it is no iterable of well-formed records with distinct names, or of too many; the message
            says what is wrong with which of them.
    """
    word = wanted.__name__
    if isinstance(returned, wanted):
        raise PluginError(f"returned one {word} instead of an iterable of them")
    try:
        every = iter(cast("Iterable[object]", returned))
    except TypeError as error:
        raise PluginError(f"returned {returned!r:.100} instead of an iterable of {word}: {error}") from error
    records: dict[str, Record] = {}
    for position, record in enumerate(every):
        if position == MOST:
            raise PluginError(f"returned more than {MOST:,} records; offer one {word} with options instead")
        if not isinstance(record, wanted):
            raise PluginError(f"returned {record!r:.100} at position {position} instead of a {word}")
        _check(record)
        if record.name in records:
            raise PluginError(f"returned two {word.lower()}s named {record.name!r}")
        records[record.name] = record
    return tuple(records.values())


def _check(record: Component | Command) -> None:
    who = f"{type(record).__name__.lower()} {record.name!r:.100}"
    if not isinstance(record.name, str) or not NAME.fullmatch(record.name):
        raise PluginError(f"{who}: a name is lower-case letters, digits, '-', '_' and '.'")
    if not isinstance(record.summary, str) or not record.summary.strip() or "\n" in record.summary:
        raise PluginError(f"{who}: the summary must be one line of text, not {record.summary!r:.100}")
    if isinstance(record, Command):
        _check_import(f"{who}: run", record.run)
        return
    _check_import(f"{who}: the factory", record.factory)
    if record.example != "":
        _check_import(f"{who}: the example", record.example)
    if not isinstance(record.reference, str):
        raise PluginError(f"{who}: the reference must be text, not {record.reference!r:.100}")
    _check_options(who, record.options)


def _check_import(what: str, text: object) -> None:
    if not isinstance(text, str) or not _IMPORT.fullmatch(text):
        raise PluginError(f"{what} must be 'package.module:attribute', not {text!r:.100}")


def _check_options(who: str, options: object) -> None:
    if not isinstance(options, type) or not issubclass(options, Options):
        raise PluginError(f"{who}: options must be a subclass of Options, not {options!r:.100}")
    if options.model_config.get("extra") != "forbid":
        raise PluginError(f"{who}: options must keep extra='forbid'")
    if not options.__pydantic_complete__:
        options.model_rebuild()
