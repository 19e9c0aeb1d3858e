"""What discovery found: plugins, the offers of those that loaded, and the reasons of those that did not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from deepnoise_core.contracts import Command, Component, Kind

PluginStatus = Literal["loaded", "failed", "not allowed"]


class _Distributed:
    """What an installed distribution brought."""

    distribution: str
    version: str

    @property
    def origin(self) -> str:
        """Distribution and version, for messages."""
        return f"{self.distribution or '(no distribution)'} {self.version}".strip()


@dataclass(frozen=True)
class Offer(_Distributed):
    """A component together with where it comes from.

    Attributes:
        kind: what kind of component it is.
        component: the record that the plugin's hook returned.
        plugin: name of the plugin's entry point.
        distribution: name of the installed distribution, as `pip install` knows it.
        version: version of the distribution.
    """

    kind: Kind
    component: Component
    plugin: str
    distribution: str
    version: str

    @property
    def name(self) -> str:
        """Bare name of the component."""
        return self.component.name

    @property
    def qualified_name(self) -> str:
        """`plugin/name`, which is never ambiguous."""
        return f"{self.plugin}/{self.component.name}"

    def as_dict(self) -> dict[str, Any]:
        """All but the options model, in JSON types."""
        return {
            "kind": self.kind.value,
            "name": self.name,
            "qualified_name": self.qualified_name,
            "summary": self.component.summary,
            "reference": self.component.reference,
            "factory": self.component.factory,
            "plugin": self.plugin,
            "distribution": self.distribution,
            "version": self.version,
        }


@dataclass(frozen=True)
class CommandOffer(_Distributed):
    """A command together with where it comes from.

    Attributes:
        command: the record that the plugin's hook returned.
        plugin: name of the plugin's entry point.
        distribution: name of the installed distribution.
        version: version of the distribution.
    """

    command: Command
    plugin: str
    distribution: str
    version: str

    @property
    def name(self) -> str:
        """Bare name of the command."""
        return self.command.name

    @property
    def qualified_name(self) -> str:
        """`plugin/name`, which is never ambiguous."""
        return f"{self.plugin}/{self.name}"

    def as_dict(self) -> dict[str, Any]:
        """All fields in JSON types."""
        return {
            "name": self.name,
            "qualified_name": self.qualified_name,
            "summary": self.command.summary,
            "run": self.command.run,
            "plugin": self.plugin,
            "distribution": self.distribution,
            "version": self.version,
        }


@dataclass(frozen=True)
class PluginRecord(_Distributed):
    """One entry point of the group `deepnoise`, and how loading it went.

    Attributes:
        name: name of the entry point.
        distribution: name of the distribution that declares it; empty where its metadata cannot be read.
        version: version of the distribution.
        module: the entry point's import string.
        status: `loaded`, `failed`, or `not allowed` by the caller's choice of plugins.
        reason: why it failed or was left out; empty where it loaded.
        hooks: hooks that it implements.
        components: what it offers; empty unless it loaded.
        commands: the commands that it adds; empty unless it loaded.
        notes: what it printed, warned and changed while it loaded, and what it should declare.
        api: the `DEEPNOISE_API` that it declares; empty where it declares none, or did not load.
        host: versions of deepnoise that its distribution requires, as in `>=0.1`; empty where it takes any.
        seconds: how long it took to load.
    """

    name: str
    distribution: str
    version: str
    module: str
    status: PluginStatus
    reason: str = ""
    hooks: tuple[str, ...] = ()
    components: tuple[Offer, ...] = ()
    commands: tuple[CommandOffer, ...] = ()
    notes: tuple[str, ...] = ()
    api: str = ""
    host: str = ""
    seconds: float = 0.0

    @property
    def title(self) -> str:
        """The plugin with its origin, for messages."""
        return f"plugin {self.name!r} ({self.origin})"

    def as_dict(self) -> dict[str, Any]:
        """All fields in JSON types; components and commands as their own dictionaries."""
        return {
            **{name: list(value) if isinstance(value, tuple) else value for name, value in vars(self).items()},
            "components": [offer.as_dict() for offer in self.components],
            "commands": [offer.as_dict() for offer in self.commands],
            "seconds": round(self.seconds, 3),
        }


@dataclass(frozen=True)
class Discovery:
    """All plugins that are installed, sorted by name."""

    plugins: tuple[PluginRecord, ...] = ()

    @property
    def offers(self) -> tuple[Offer, ...]:
        """What the loaded plugins offer, in the order of the plugins."""
        return tuple(offer for plugin in self.plugins for offer in plugin.components)

    @property
    def commands(self) -> tuple[CommandOffer, ...]:
        """The commands that the loaded plugins add, in the order of the plugins."""
        return tuple(offer for plugin in self.plugins for offer in plugin.commands)

    @property
    def failed(self) -> tuple[PluginRecord, ...]:
        """The plugins that did not load."""
        return tuple(plugin for plugin in self.plugins if plugin.status == "failed")
