"""Which laws a kind of component has, and how a component is handed to them."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any, Literal

from deepnoise_core.contracts import Kind, Options
from deepnoise_core.contracts.protocols import PROTOCOLS
from deepnoise_core.testing.laws import require

Level = Literal["basic", "strict"]
"""How much is asked: `basic`, what the engine needs to run a component at all; `strict`, also what makes its
results believable, such as that seeds, the order of rows and an interruption change nothing."""

LEVELS: tuple[Level, ...] = ("basic", "strict")

Law = Callable[[Any], str | None]
"""Raises AssertionError where it is broken; may return a note, which reports print and nobody fails by."""

Make = Callable[..., Any]

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
    suite = import_module(f"deepnoise_core.testing.{_MODULES[kind]}")
    laws: tuple[Law, ...] = suite.BASIC if level == "basic" else suite.LAWS
    return laws


def maker(kind: Kind, factory: Make, options: Options) -> Make:
    """What the laws of a kind call to make the component: the factory, its options filled in.

    Backbones are made of the names of their channels, heads of the numbers of features and classes, and all
    others of nothing.
    """

    def checked(**context: Any) -> Any:
        made = factory(options, **context)
        follows = isinstance(made, PROTOCOLS[kind])
        require(follows, f"the factory makes a {type(made).__name__}, which is no {PROTOCOLS[kind].__name__}")
        return made

    if kind is Kind.BACKBONE:
        return lambda channels: checked(channels=channels)
    if kind is Kind.HEAD:
        return lambda features, classes: checked(num_features=features, num_classes=classes)
    return checked
