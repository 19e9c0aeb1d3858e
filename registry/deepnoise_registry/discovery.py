"""Loads the plugins that are installed, one at a time; a plugin that fails is data, not an end."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from functools import partial
from importlib.metadata import EntryPoint
from time import perf_counter

import pluggy

from deepnoise_core.contracts import API, GROUP, Command, Component, Kind, hookspecs
from deepnoise_core.contracts.errors import InputError, PluginError
from deepnoise_core.data.names import did_you_mean
from deepnoise_registry.compatibility import check_api, check_host
from deepnoise_registry.conformity import Record, check_records
from deepnoise_registry.deadline import within
from deepnoise_registry.installed import declared_plugins, installed_plugins
from deepnoise_registry.records import CommandOffer, Discovery, Offer, PluginRecord
from deepnoise_registry.surroundings import Surroundings
from deepnoise_registry.third_party import blaming, overhearing

ALLOWED = "DEEPNOISE_PLUGINS"
"""Environment variable: names of the only plugins to load, comma-separated."""

STRICT = "DEEPNOISE_STRICT_PLUGINS"
"""Environment variable: 1 makes a plugin that fails an error."""

SECONDS = "DEEPNOISE_PLUGIN_SECONDS"
"""Environment variable: how long to wait for each plugin; 10 where unset."""


def discover(
    entry_points: Iterable[EntryPoint] | None = None,
    *,
    allow: Collection[str] | None = None,
    strict: bool = False,
    seconds: float = 10.0,
) -> Discovery:
    """Load plugins and ask each for what it offers.

    Args:
        entry_points: where the plugins are; all of the group `deepnoise` that are installed where None.
        allow: names of the only plugins to import; all where None.
        strict: raise where a plugin fails.
        seconds: how long to wait for each; one that takes longer has failed.

    Raises:
        InputError: `allow` names a plugin that is not installed.
        PluginError: `strict`, and a plugin failed; one line for each of them.
    """
    found = installed_plugins() if entry_points is None else declared_plugins(entry_points)
    declared = sorted(dict.fromkeys(found), key=lambda one: (one[0].name, one[0].distribution))
    _check_allowed(allow, {record.name for record, _ in declared})
    rivals = defaultdict(list)
    for record, _ in declared:
        rivals[record.name].append(record)
    surroundings = Surroundings()
    discovery = Discovery(
        tuple(
            _load(record, entry_point, rivals[record.name], allow, seconds, surroundings)
            for record, entry_point in declared
        )
    )
    if strict and discovery.failed:
        raise PluginError("\n".join(f"{plugin.title}: {plugin.reason}" for plugin in discovery.failed))
    return discovery


def discover_from_environment(environ: Mapping[str, str]) -> Discovery:
    """Load the installed plugins as `DEEPNOISE_PLUGINS` and its like say; each counts as unset where it is blank.

    Raises:
        InputError: a variable names a plugin that is not installed, or is no value of its kind.
        PluginError: strict, and a plugin failed.
    """
    strict = environ.get(STRICT, "").strip() or "0"
    if strict not in {"0", "1"}:
        raise InputError(f"{STRICT} is {strict!r}; set it to 0 or 1")
    seconds = _positive(environ.get(SECONDS, "").strip() or "10")
    names = [name.strip() for name in environ.get(ALLOWED, "").split(",") if name.strip()]
    try:
        return discover(allow=names or None, strict=strict == "1", seconds=seconds)
    except InputError as error:
        raise InputError(f"{ALLOWED}: {error}") from error


def _positive(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < math.inf:
        raise InputError(f"{SECONDS} is {text!r}; set it to a number of seconds above 0")
    return number


def _check_allowed(allow: Collection[str] | None, installed: Collection[str]) -> None:
    for name in allow or ():
        if name not in installed:
            names = ", ".join(sorted(installed)) or "none"
            raise InputError(f"no plugin is named {name!r}{did_you_mean(name, installed)}; installed: {names}")


def _load(
    record: PluginRecord,
    entry_point: EntryPoint,
    rivals: list[PluginRecord],
    allow: Collection[str] | None,
    seconds: float,
    surroundings: Surroundings,
) -> PluginRecord:
    if allow is not None and record.name not in allow:
        return replace(record, status="not allowed", reason="left out by the choice of plugins to load")
    if record.reason:
        return record
    notes: list[str] = []
    start = perf_counter()
    try:
        _check_name(record, rivals)
        check_host(record.host, record.distribution)
        with overhearing(notes):
            record = _ask_in_time(record, entry_point, seconds)
        if not record.api:
            notes.append(f'declares no API; write DEEPNOISE_API = "{API}" in its module')
    except PluginError as error:
        record = replace(record, status="failed", reason=str(error))
    notes += [f"changed {what}; put back" for what in surroundings.put_back()]
    return replace(record, notes=tuple(notes), seconds=perf_counter() - start)


def _check_name(record: PluginRecord, rivals: list[PluginRecord]) -> None:
    if len(rivals) > 1:
        titles = " and ".join(rival.origin for rival in rivals)
        raise PluginError(f"the name {record.name!r} is claimed by {titles}; uninstall one of them")
    if "/" in record.name or record.name != "".join(record.name.split()):
        raise PluginError(f"the name {record.name!r} holds '/' or a space, which qualified names cannot")


def _ask_in_time(record: PluginRecord, entry_point: EntryPoint, seconds: float) -> PluginRecord:
    package = entry_point.value.partition(":")[0].partition(".")[0]
    try:
        return within(seconds, partial(_ask, record, entry_point), package)
    except TimeoutError:
        raise PluginError(
            f"was not loaded within {seconds:g} s; {SECONDS} sets how long is waited for a plugin"
        ) from None


def _ask(record: PluginRecord, entry_point: EntryPoint) -> PluginRecord:
    """The record of a plugin with all that it offers.

    Each plugin has a pluggy manager of its own, so a plugin that fails leaves nothing behind.
    """
    with blaming(f"cannot import {entry_point.value}"):
        plugin = entry_point.load()
        declared = getattr(plugin, "DEEPNOISE_API", None)
    api = check_api(declared, record.distribution)
    manager = pluggy.PluginManager(GROUP)
    manager.add_hookspecs(hookspecs)
    with blaming("breaks a hook spec"):
        manager.register(plugin, name=record.name)
        manager.check_pending()
        callers = {caller.name: caller for caller in manager.get_hookcallers(plugin) or ()}
    if not callers:
        raise PluginError("implements no hook; is the marker deepnoise_core.contracts.hookimpl missing?")

    def returned(hook: str, wanted: type[Record]) -> tuple[Record, ...]:
        if hook not in callers:
            return ()
        with blaming(f"hook {hook} of plugin {record.name!r}"):
            results = callers[hook]()
            return check_records(results[0] if results else None, wanted)

    origin = (record.name, record.distribution, record.version)
    return replace(
        record,
        status="loaded",
        api=api,
        hooks=tuple(sorted(callers)),
        components=tuple(Offer(kind, one, *origin) for kind in Kind for one in returned(kind.hook, Component)),
        commands=tuple(CommandOffer(one, *origin) for one in returned("deepnoise_commands", Command)),
    )
