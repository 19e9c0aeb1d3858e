"""Which laws a kind of component has, and how a component is handed to them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any, Literal

from deepnoise_core.contracts import Component, Kind, Options
from deepnoise_core.contracts.protocols import PROTOCOLS
from deepnoise_core.testing.laws import require
from deepnoise_core.testing.plugins import resolve

Level = Literal["basic", "strict"]
"""How much is asked: `basic`, what the engine needs to run a component at all; `strict`, also what makes its
results believable, such as that seeds, the order of rows and an interruption change nothing."""

LEVELS: tuple[Level, ...] = ("basic", "strict")

Law = Callable[[Any], str | None]
"""Raises AssertionError where it is broken; may return a note, which reports print and nobody fails by."""

Make = Callable[..., Any]

OptionSets = Mapping[str, Sequence[Mapping[str, Any]]]
"""Name of a component → further sets of options to hold it to the laws with."""

_MODULES = {
    Kind.BACKBONE: "backbones",
    Kind.HEAD: "heads",
    Kind.NORMALIZER: "normalizers",
    Kind.AUGMENTATION: "augmentations",
    Kind.STRATEGY: "strategies",
    Kind.POSTPROCESSOR: "postprocessors",
    Kind.READER: "readers",
}


def laws_of(kind: Kind, level: Level = "strict") -> tuple[Law, ...]:
    """The laws of a kind, of which the strict ones include the basic ones."""
    return _laws(_MODULES[kind], level)


def laws_of_offers(level: Level = "strict") -> tuple[Law, ...]:
    """The laws of what a plugin offers, whatever its kind."""
    return _laws("offers", level)


def maker(kind: Kind, component: Component, options: Options) -> Make:
    """What the laws of a kind call to make the component: its factory, with the options filled in.

    Backbones are made of the names of their channels, heads of the numbers of features and classes, and all
    others of nothing. That of a reader knows examples, too.
    """

    def checked(**context: Any) -> Any:
        made = resolve(component.factory)(options, **context)
        follows = isinstance(made, PROTOCOLS[kind])
        require(follows, f"the factory makes a {type(made).__name__}, which is no {PROTOCOLS[kind].__name__}")
        return made

    if kind is Kind.BACKBONE:
        return lambda channels: checked(channels=channels)
    if kind is Kind.HEAD:
        return lambda features, classes: checked(num_features=features, num_classes=classes)
    if kind is Kind.READER:
        from deepnoise_core.testing.examples import reader_maker

        return reader_maker(component, checked)
    return checked


def _laws(module: str, level: Level) -> tuple[Law, ...]:
    suite = import_module(f"deepnoise_core.testing.{module}")
    laws: tuple[Law, ...] = suite.BASIC if level == "basic" else suite.LAWS
    return laws
