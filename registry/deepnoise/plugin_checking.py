"""Holds the components of an installed plugin to their laws from outside, each in a process of its own."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from deepnoise_core.contracts.errors import InputError, RecipeError
from deepnoise_core.data.names import did_you_mean
from deepnoise_core.testing.suites import LEVELS, Level, OptionSets
from deepnoise_registry.recipes.document import parse_document
from deepnoise_registry.records import Offer, PluginRecord


@dataclass(frozen=True)
class LawResult:
    """How one law fared.

    Attributes:
        law: its name.
        options: what was set of the component's options.
        passed: whether it was kept.
        what: how it was broken, or a note on how it was kept; may be empty.
        seconds: wall time; 0 where it came to no end.
    """

    law: str
    options: Mapping[str, Any]
    passed: bool
    what: str = ""
    seconds: float = 0.0


@dataclass(frozen=True)
class ComponentResult:
    """The laws of one component.

    Attributes:
        kind: of the component.
        component: its name.
        laws: in the order in which they ran.
        trouble: why no law could be run; empty where some were.
    """

    kind: str
    component: str
    laws: tuple[LawResult, ...]
    trouble: str = ""

    @property
    def broken(self) -> tuple[LawResult, ...]:
        """The laws that it breaks."""
        return tuple(law for law in self.laws if not law.passed)

    @property
    def passed(self) -> bool:
        """Whether there were laws, and it kept all of them."""
        return bool(self.laws) and not self.broken and not self.trouble

    def __str__(self) -> str:
        """One line, and one more for each law that is broken."""
        notes = dict.fromkeys(law.what for law in self.laws if law.passed and law.what)
        counts = f"{len(self.laws) - len(self.broken)} laws kept"
        counts += f", {len(self.broken)} BROKEN" if self.broken else ""
        line = "; ".join(filter(None, (f"{self.kind} {self.component}: {counts}", self.trouble, *notes)))
        return "\n".join([line, *(f"  {law.law}{_words(law.options)}: {law.what}" for law in self.broken)])

    def as_dict(self) -> dict[str, Any]:
        """In JSON types."""
        return {**asdict(self), "passed": self.passed}


@dataclass(frozen=True)
class PluginResult:
    """How a plugin fared.

    Attributes:
        plugin: what discovery found of it.
        level: how much was asked.
        components: one result a component; none where the plugin did not load.
    """

    plugin: PluginRecord
    level: Level
    components: tuple[ComponentResult, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether it loaded, and there was something to check that kept all laws."""
        return bool(self.components) and all(one.passed for one in self.components)

    def __str__(self) -> str:
        if self.plugin.status != "loaded":
            return f"{self.plugin.title} was not loaded: {self.plugin.reason}"
        if not self.components:
            return f"{self.plugin.title} offers no component, so nothing was checked"
        broken = sum(len(one.broken) for one in self.components)
        kept = sum(len(one.laws) for one in self.components) - broken
        unchecked = sum(not one.laws for one in self.components)
        total = f"{self.plugin.title}: {kept} laws kept, {broken} broken, at the level {self.level}"
        return total + (f"; {unchecked} components could not be checked" if unchecked else "")

    def as_dict(self) -> dict[str, Any]:
        """In JSON types."""
        return {
            "plugin": self.plugin.name,
            "distribution": self.plugin.distribution,
            "version": self.plugin.version,
            "status": self.plugin.status,
            "reason": self.plugin.reason,
            "level": self.level,
            "passed": self.passed,
            "components": [one.as_dict() for one in self.components],
        }


def check_plugin(
    plugin: PluginRecord,
    level: Level = "strict",
    options: OptionSets | None = None,
    limit: float = 600.0,
    on_result: Callable[[ComponentResult], None] = lambda result: None,
) -> PluginResult:
    """Run the suites on all that a plugin offers.

    Args:
        plugin: what discovery found; one that did not load is not asked for anything.
        level: how much is asked.
        options: component → sets of options to check it with, beside its defaults.
        limit: seconds that the laws of one component may take together.
        on_result: called with each result when it is there.

    Raises:
        InputError: `options` names a component that the plugin does not offer.
    """
    options = options or {}
    known = [offer.name for offer in plugin.components]
    for name in options:
        if name not in known:
            hint = f"{did_you_mean(name, known)}; it offers {', '.join(known) or 'none'}"
            raise InputError(f"plugin {plugin.name!r} offers no component {name!r}{hint}")
    results = []
    for offer in plugin.components:
        results.append(_check(offer, level, options.get(offer.name, ()), limit))
        on_result(results[-1])
    return PluginResult(plugin, level, tuple(results))


def level_named(word: str) -> Level:
    """The level of a word.

    Raises:
        InputError: there is none; names those that there are.
    """
    for level in LEVELS:
        if word == level:
            return level
    raise InputError(f"no level is called {word!r}{did_you_mean(word, LEVELS)}; levels are {', '.join(LEVELS)}")


def read_options(file: Path) -> OptionSets:
    """Sets of options by component, from a YAML file: a mapping of names to lists of mappings.

    Raises:
        InputError: it cannot be read, or is something else.
    """
    try:
        document = parse_document(file.read_text(encoding="utf-8"), str(file))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{file}: cannot be read: {error}") from error
    if document.problems:
        raise RecipeError(document.problems)
    value = document.value
    fits = isinstance(value, dict) and all(
        isinstance(sets, list) and all(isinstance(one, dict) for one in sets) for sets in value.values()
    )
    if not fits:
        raise InputError(f"{file}: write components and lists of their options, as in: halve: [{{by: 3}}]")
    return value  # type: ignore[return-value] # just looked at


def _check(offer: Offer, level: str, options: Sequence[Mapping[str, Any]], limit: float) -> ComponentResult:
    request = {"plugin": offer.plugin, "kind": offer.kind, "component": offer.name, "level": level}
    command = [sys.executable, "-m", "deepnoise_core.testing.child"]
    asked = json.dumps({**request, "options": list(options)})
    cut, complaint = "", ""
    try:
        done = subprocess.run(  # noqa: S603, our own module
            command, input=asked, capture_output=True, text=True, timeout=limit, check=False
        )
        told, complaint = done.stdout, done.stderr
        if done.returncode:
            cut = f"its process ended with {_ending(done.returncode)}"
    except subprocess.TimeoutExpired as error:
        told = (error.stdout or b"").decode()  # bytes, whatever was asked for
        cut = f"cut off, as the limit of {limit:g} s for a component was reached"
    laws, trouble = _results(map(json.loads, told.splitlines()), cut)
    if not laws and not trouble:
        trouble = f"no law was run: {cut or 'its process said nothing'} {complaint.strip()[-400:]}".strip()
    return ComponentResult(offer.kind.value, offer.name, tuple(laws), trouble)


def _results(lines: Iterable[dict[str, Any]], cut: str) -> tuple[list[LawResult], str]:
    """The laws of the lines that a child wrote, the last of them broken if it came to no end."""
    laws: list[LawResult] = []
    begun: dict[str, Any] | None = None
    for line in lines:
        if "refused" in line:
            return laws, str(line["refused"])
        if "passed" in line:
            laws.append(LawResult(**line))
            begun = None
        else:
            begun = line
    if begun:
        laws.append(LawResult(**begun, passed=False, what=cut or "its process said no more"))
    elif cut and laws:
        return laws, cut
    return laws, ""


def _ending(code: int) -> str:
    return signal.Signals(-code).name if code < 0 else f"exit code {code}"


def _words(options: Mapping[str, Any]) -> str:
    return f" with {json.dumps(options)}" if options else ""
