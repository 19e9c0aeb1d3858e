"""Finds components by kind and name among the offers of all plugins that loaded."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Any

from deepnoise_core.contracts import Kind
from deepnoise_core.contracts.errors import AmbiguousComponentError, UnknownComponentError
from deepnoise_core.data.names import did_you_mean
from deepnoise_registry.records import Discovery, Offer
from deepnoise_registry.third_party import imported


class Catalogue:
    """The offers of one discovery. Nothing of a component is imported before `resolve`."""

    def __init__(self, discovery: Discovery) -> None:
        self.discovery = discovery
        self._by_name: dict[tuple[Kind, str], list[Offer]] = defaultdict(list)
        for offer in discovery.offers:
            self._by_name[offer.kind, offer.name].append(offer)
            self._by_name[offer.kind, offer.qualified_name].append(offer)

    def find(self, kind: Kind, name: str) -> Offer:
        """The offer of a bare name, or of `plugin/name`.

        Raises:
            UnknownComponentError: nobody offers it; says what exists and which plugins did not load.
            AmbiguousComponentError: two plugins offer the bare name.
        """
        match self._by_name.get((kind, name), []):
            case []:
                raise UnknownComponentError(self._explain(kind, name))
            case [offer]:
                return offer
            case rivals:
                spelt = " or ".join(f"{one.qualified_name!r} ({one.origin})" for one in rivals)
                raise AmbiguousComponentError(f"several plugins offer the {kind} {name!r}; write {spelt}")

    def offers(self, kind: Kind | None = None) -> tuple[Offer, ...]:
        """All offers, or those of one kind, in the order of the plugins."""
        return tuple(offer for offer in self.discovery.offers if kind in (None, offer.kind))

    def canonical_name(self, offer: Offer) -> str:
        """The shortest name that finds this offer: bare, or qualified where the bare one is ambiguous."""
        alone = len(self._by_name[offer.kind, offer.name]) == 1
        return offer.name if alone else offer.qualified_name

    def resolve(self, offer: Offer) -> Callable[..., Any]:
        """Import the factory of an offer.

        Raises:
            PluginError: the import string leads nowhere, or to something that cannot be called.
        """
        return imported(
            offer.component.factory,
            f"{offer.kind} {offer.name!r} of plugin {offer.plugin!r} ({offer.origin}): its factory",
        )

    def _explain(self, kind: Kind, name: str) -> str:
        known = {one.qualified_name if "/" in name else one.name for one in self.offers(kind)}
        parts = [f"no {kind} is named {name!r}{did_you_mean(name, known)}"]
        elsewhere = [str(other) for other in Kind if other is not kind and (other, name) in self._by_name]
        if elsewhere:
            parts.append(f"{name!r} is a {' and a '.join(elsewhere)}")
        by_distribution: dict[str, list[str]] = defaultdict(list)
        for offer in self.offers(kind):
            by_distribution[offer.origin].append(self.canonical_name(offer))
        parts += [f"{origin} offers {', '.join(sorted(names))}" for origin, names in by_distribution.items()]
        if not by_distribution:
            parts.append(f"no plugin that loaded offers any {kind}")
        parts += [
            f"{plugin.title} was not loaded: {plugin.reason}"
            for plugin in self.discovery.plugins
            if plugin.status != "loaded"
        ]
        return "; ".join(parts)
