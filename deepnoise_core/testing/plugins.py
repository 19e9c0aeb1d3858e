"""An installed plugin, as its author's tests see it: nothing of it is forgiven."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, reduce
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Any

import pluggy

from deepnoise_core.contracts import GROUP, Component, Kind, hookspecs
from deepnoise_core.contracts.errors import InputError
from deepnoise_core.data.names import did_you_mean


@dataclass(frozen=True)
class Plugin:
    """One entry point of the group `deepnoise`.

    Attributes:
        entry_point: its name and import string.
    """

    entry_point: EntryPoint

    @property
    def name(self) -> str:
        """Name of the entry point."""
        return self.entry_point.name

    @cached_property
    def components(self) -> tuple[tuple[Kind, Component], ...]:
        """What its hooks return, kind by kind; whatever loading raises is passed on."""
        manager = pluggy.PluginManager(GROUP)
        manager.add_hookspecs(hookspecs)
        manager.register(self.entry_point.load(), name=self.name)
        manager.check_pending()
        return tuple(
            (kind, component)
            for kind in Kind
            for components in getattr(manager.hook, kind.hook)()
            for component in components
        )


def installed() -> Mapping[str, Plugin]:
    """The plugins that are installed, by name; none is loaded yet."""
    found = entry_points(group=GROUP)
    return {one.name: Plugin(one) for one in sorted(found, key=lambda one: one.name)}


def plugin_named(name: str) -> Plugin:
    """An installed plugin.

    Raises:
        InputError: none has this name; names those that there are.
    """
    known = installed()
    if name not in known:
        raise InputError(
            f"no plugin is named {name!r}{did_you_mean(name, known)}; installed: {', '.join(known) or 'none'}"
        )
    return known[name]


def resolve(import_string: str) -> Any:
    """What stands behind `package.module:attribute`."""
    module, _, attributes = import_string.partition(":")
    return reduce(getattr, attributes.split("."), import_module(module))
