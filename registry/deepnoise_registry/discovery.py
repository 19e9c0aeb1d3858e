"""Loads the plugins that are installed, one at a time; a plugin that fails is data, not an end."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from importlib.metadata import EntryPoint
from importlib.metadata import entry_points as installed_entry_points

import pluggy

from deepnoise_core.contracts import GROUP, Kind, hookspecs
from deepnoise_core.contracts.errors import InputError, PluginError
from deepnoise_core.data.names import did_you_mean
from deepnoise_registry.conformity import check_components
from deepnoise_registry.records import Discovery, Offer, PluginRecord
from deepnoise_registry.third_party import blaming, overhearing

ALLOWED = "DEEPNOISE_PLUGINS"
"""Environment variable: names of the only plugins to load, comma-separated."""

STRICT = "DEEPNOISE_STRICT_PLUGINS"
"""Environment variable: 1 makes a plugin that fails an error."""


def discover(
    entry_points: Iterable[EntryPoint] | None = None,
    *,
    allow: Collection[str] | None = None,
    strict: bool = False,
) -> Discovery:
    """Load plugins and ask each for its components.

    Args:
        entry_points: where the plugins are; all of the group `deepnoise` that are installed where None.
        allow: names of the only plugins to import; all where None.
        strict: raise where a plugin fails.

    Raises:
        InputError: `allow` names a plugin that is not installed.
        PluginError: `strict`, and a plugin failed; one line for each of them.
    """
    found = installed_entry_points(group=GROUP) if entry_points is None else entry_points
    records = sorted(dict.fromkeys(map(_identify, found)), key=lambda one: (one[0].name, one[0].distribution))
    _check_allowed(allow, {record.name for record, _ in records})
    rivals = defaultdict(list)
    for record, _ in records:
        rivals[record.name].append(record)
    discovery = Discovery(
        tuple(_load(record, entry_point, rivals[record.name], allow) for record, entry_point in records)
    )
    if strict and discovery.failed:
        raise PluginError("\n".join(f"{plugin.title}: {plugin.reason}" for plugin in discovery.failed))
    return discovery


def discover_from_environment(environ: Mapping[str, str]) -> Discovery:
    """Load the installed plugins as `DEEPNOISE_PLUGINS` and `DEEPNOISE_STRICT_PLUGINS` say.

    Either variable counts as unset where it is blank.

    Raises:
        InputError: a variable names a plugin that is not installed, or is neither 0 nor 1.
        PluginError: strict, and a plugin failed.
    """
    strict = environ.get(STRICT, "").strip() or "0"
    if strict not in {"0", "1"}:
        raise InputError(f"{STRICT} is {strict!r}; set it to 0 or 1")
    names = [name.strip() for name in environ.get(ALLOWED, "").split(",") if name.strip()]
    try:
        return discover(allow=names or None, strict=strict == "1")
    except InputError as error:
        raise InputError(f"{ALLOWED}: {error}") from error


def _identify(entry_point: EntryPoint) -> tuple[PluginRecord, EntryPoint]:
    """The record of a plugin that nothing of is loaded yet."""
    record = PluginRecord(entry_point.name, "", "", entry_point.value, "not allowed")
    if entry_point.dist is None:
        return record, entry_point
    try:
        with blaming("its distribution's metadata cannot be read"):
            distribution, version = str(entry_point.dist.name or ""), str(entry_point.dist.version or "")
    except PluginError as error:
        return replace(record, status="failed", reason=str(error)), entry_point
    return replace(record, distribution=distribution, version=version), entry_point


def _check_allowed(allow: Collection[str] | None, installed: Collection[str]) -> None:
    for name in allow or ():
        if name not in installed:
            names = ", ".join(sorted(installed)) or "none"
            raise InputError(f"no plugin is named {name!r}{did_you_mean(name, installed)}; installed: {names}")


def _load(
    record: PluginRecord, entry_point: EntryPoint, rivals: list[PluginRecord], allow: Collection[str] | None
) -> PluginRecord:
    if allow is not None and record.name not in allow:
        return replace(record, status="not allowed", reason="left out by the choice of plugins to load")
    if record.reason:
        return record
    notes: list[str] = []
    try:
        _check_name(record, rivals)
        with overhearing(notes):
            hooks, offers = _ask(record, entry_point)
    except PluginError as error:
        return replace(record, status="failed", reason=str(error), notes=tuple(notes))
    return replace(record, status="loaded", reason="", hooks=hooks, components=offers, notes=tuple(notes))


def _check_name(record: PluginRecord, rivals: list[PluginRecord]) -> None:
    if len(rivals) > 1:
        titles = " and ".join(rival.origin for rival in rivals)
        raise PluginError(f"the name {record.name!r} is claimed by {titles}; uninstall one of them")
    if "/" in record.name or record.name != "".join(record.name.split()):
        raise PluginError(f"the name {record.name!r} holds '/' or a space, which qualified names cannot")


def _ask(record: PluginRecord, entry_point: EntryPoint) -> tuple[tuple[str, ...], tuple[Offer, ...]]:
    """Names of the hooks that a plugin implements, and all it offers.

    Each plugin has a pluggy manager of its own, so a plugin that fails leaves nothing behind.
    """
    with blaming(f"cannot import {entry_point.value}"):
        plugin = entry_point.load()
    manager = pluggy.PluginManager(GROUP)
    manager.add_hookspecs(hookspecs)
    with blaming("breaks a hook spec"):
        manager.register(plugin, name=record.name)
        manager.check_pending()
        callers = {caller.name: caller for caller in manager.get_hookcallers(plugin) or ()}
    if not callers:
        raise PluginError("implements no hook; is the marker deepnoise_core.contracts.hookimpl missing?")
    offers: list[Offer] = []
    for kind in Kind:
        if kind.hook not in callers:
            continue
        with blaming(f"hook {kind.hook} of plugin {record.name!r}"):
            results = callers[kind.hook]()
            components = check_components(results[0] if results else None)
        origin = (record.name, record.distribution, record.version)
        offers += [Offer(kind, component, *origin) for component in components]
    return tuple(sorted(callers)), tuple(offers)
