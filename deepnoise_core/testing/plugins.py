"""An installed plugin, as its author's tests see it: nothing of it is forgiven."""

from __future__ import annotations

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


def installed() -> tuple[Plugin, ...]:
    """The plugins that are installed, by name; none is loaded yet."""
    found = dict.fromkeys(entry_points(group=GROUP))
    return tuple(Plugin(one) for one in sorted(found, key=lambda one: one.name))


def plugin_named(name: str) -> Plugin:
    """An installed plugin.

    Raises:
        InputError: none has this name, or several have; names those that there are.
    """
    plugins = installed()
    match [plugin for plugin in plugins if plugin.name == name]:
        case [plugin]:
            return plugin
        case []:
            known = list(dict.fromkeys(plugin.name for plugin in plugins))
            there = f"{did_you_mean(name, known)}; installed: {', '.join(known) or 'none'}"
            raise InputError(f"no plugin is named {name!r}{there}")
        case rivals:
            values = " and ".join(rival.entry_point.value for rival in rivals)
            raise InputError(f"several plugins are named {name!r} ({values}); uninstall all but one")


def resolve(import_string: str) -> Any:
    """What stands behind `package.module:attribute`."""
    module, _, attributes = import_string.partition(":")
    return reduce(getattr, attributes.split("."), import_module(module))
