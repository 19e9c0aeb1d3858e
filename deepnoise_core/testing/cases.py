"""Every law that a plugin's components must keep, as cases that can be run one by one."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from pydantic import ValidationError

from deepnoise_core.contracts import Component, Kind, Options
from deepnoise_core.contracts.errors import InputError
from deepnoise_core.data.names import did_you_mean
from deepnoise_core.testing.offers import Offer
from deepnoise_core.testing.offline import offline
from deepnoise_core.testing.plugins import Plugin
from deepnoise_core.testing.suites import Level, OptionSets, laws_of, laws_of_offers, maker


@dataclass(frozen=True)
class Case:
    """One law, held against one component with one set of options.

    Attributes:
        kind: of the component.
        component: its name.
        options: what was set; the rest are defaults.
        law: name of the law.
        run: runs the law; raises AssertionError where it is broken, and may return a note.
    """

    kind: Kind
    component: str
    options: Mapping[str, Any]
    law: str
    run: Callable[[], str | None]

    @property
    def subject(self) -> str:
        """Kind, component and what was set, e.g. `head linear(dropout=0.3)`."""
        words = ",".join(f"{key}={value}" for key, value in self.options.items())
        return f"{self.kind} {self.component}({words})" if words else f"{self.kind} {self.component}"

    def run_offline(self) -> str | None:
        """Run the law without a network."""
        __tracebackhide__ = True
        with offline():
            return self.run()

    def __call__(self) -> str | None:
        """The same; an AssertionError says which component broke which law, and how."""
        __tracebackhide__ = True
        try:
            return self.run_offline()
        except AssertionError as error:
            raise AssertionError(f"{self.subject} breaks {self.law}: {error}") from error


def cases_of(
    plugin: Plugin,
    level: Level = "strict",
    options: OptionSets | None = None,
    components: Collection[str] | None = None,
) -> list[Case]:
    """The laws that a plugin's components must keep, component by component.

    Each component is held to them with its defaults, where all its options have one, and with each further set.

    Args:
        plugin: is loaded by this.
        level: how much is asked.
        options: further sets of options, by component.
        components: names of those that are asked; all where None.

    Raises:
        InputError: a name is none of the plugin's; options are not valid, or lack a value without a default; or
            there is no law to hold anything to.
    """
    options = options or {}
    known = [component.name for _, component in plugin.components]
    for name in (*options, *(components or ())):
        if name not in known:
            offered = f"{did_you_mean(name, known)}; it offers {', '.join(known) or 'none'}"
            raise InputError(f"plugin {plugin.name!r} offers no component {name!r}{offered}")
    cases = [
        case
        for kind, component in plugin.components
        if components is None or component.name in components
        for given in _option_sets(component, options.get(component.name, ()))
        for case in _cases(plugin, kind, component, given, level)
    ]
    if not cases:
        raise InputError(f"plugin {plugin.name!r} offers no component that has laws, so nothing was checked")
    return cases


def _option_sets(component: Component, further: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    try:
        component.options()
    except ValidationError as error:
        if not further:
            fields = ", ".join(str(one["loc"][0]) for one in error.errors() if one["loc"])
            raise InputError(
                f"component {component.name!r} has options without a default ({fields}): "
                f"give sets of options to check it with"
            ) from error
        return list(further)
    return [{}, *further]


def _cases(
    plugin: Plugin, kind: Kind, component: Component, given: Mapping[str, Any], level: Level
) -> Iterator[Case]:
    options = _validated(component, given)
    offer, make = Offer(plugin, kind, component, options), maker(kind, component, options)
    for laws, subject in ((laws_of_offers(level), offer), (laws_of(kind, level), make)):
        for law in laws:
            yield Case(kind, component.name, given, law.__name__, partial(law, subject))


def _validated(component: Component, given: Mapping[str, Any]) -> Options:
    try:
        return component.options.model_validate(given)
    except ValidationError as error:
        raise InputError(f"options of component {component.name!r}: {error}") from error
