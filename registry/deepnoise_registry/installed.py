"""The plugins that are installed, as their distributions tell: nothing of them is imported."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from importlib.metadata import Distribution, EntryPoint, distributions

from deepnoise_core.contracts import GROUP
from deepnoise_core.contracts.errors import PluginError
from deepnoise_registry.compatibility import host_requirement
from deepnoise_registry.records import PluginRecord
from deepnoise_registry.third_party import blaming

Declared = tuple[PluginRecord, EntryPoint]
"""A plugin of which nothing is loaded yet, and where it is; where its metadata are broken it has failed."""


def installed_plugins() -> Iterator[Declared]:
    """All entry points of the group `deepnoise` on `sys.path`; of a distribution that is there twice, the first.

    `importlib.metadata.entry_points` reads the entry points of all that is installed, and ends at the first
    that cannot be read.
    """
    seen: set[str] = set()
    for distribution in distributions():
        try:
            with blaming("its entry_points.txt cannot be read"):
                if f"[{GROUP}]" not in (distribution.read_text("entry_points.txt") or ""):
                    continue
                entry_points = distribution.entry_points.select(group=GROUP)
        except PluginError as error:
            name = _facts(distribution).distribution or "(unknown)"
            yield PluginRecord(name, name, "", "", "failed", str(error)), EntryPoint(name, "", GROUP)
            continue
        facts = _facts(distribution)
        if facts.distribution and facts.distribution in seen:
            continue
        seen.add(facts.distribution)
        yield from (_named(facts, entry_point) for entry_point in entry_points)


def declared_plugins(entry_points: Iterable[EntryPoint]) -> Iterator[Declared]:
    """The same of some entry points."""
    for entry_point in entry_points:
        yield _named(_facts(entry_point.dist) if entry_point.dist else _NOTHING, entry_point)


_NOTHING = PluginRecord("", "", "", "", "not allowed")


def _named(facts: PluginRecord, entry_point: EntryPoint) -> Declared:
    return replace(facts, name=entry_point.name, module=entry_point.value), entry_point


def _facts(distribution: Distribution) -> PluginRecord:
    """What all plugins of a distribution share; its metadata are parsed once, which takes longest of all."""
    try:
        with blaming("its distribution's metadata cannot be read"):
            metadata = distribution.metadata
            name, version = (str(metadata[key]) if key in metadata else "" for key in ("Name", "Version"))
            host = host_requirement(metadata.get_all("Requires-Dist") or ())
    except PluginError as error:
        return replace(_NOTHING, status="failed", reason=str(error))
    return replace(_NOTHING, distribution=name, version=version, host=host)
