"""How many laws a component keeps, so that nobody takes silence for conformance."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from deepnoise_core.contracts import Kind
from deepnoise_core.testing.laws import require

Law = Callable[[Any], None]

_SUITES = {
    Kind.BACKBONE: "backbones",
    Kind.HEAD: "heads",
    Kind.NORMALIZER: "normalizers",
    Kind.AUGMENTATION: "augmentations",
    Kind.STRATEGY: "strategies",
    Kind.POSTPROCESSOR: "postprocessors",
    Kind.READER: "readers",
}


@dataclass(frozen=True)
class Conformance:
    """The laws that a component was found to keep, by name."""

    kind: Kind
    component: str
    laws: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.kind} {self.component}: {len(self.laws)} laws kept"


def laws_of(kind: Kind) -> tuple[Law, ...]:
    """The laws of a kind.

    Raises:
        AssertionError: there are none.
    """
    laws: tuple[Law, ...] = import_module(f"deepnoise_core.testing.{_SUITES[kind]}").LAWS
    require(laws, f"there is no law of the kind {kind}")
    return laws


def conformance(kind: Kind, component: str, make: Callable[..., Any]) -> Conformance:
    """Hold a component to every law of its kind.

    Args:
        kind: of the component.
        component: its name, for the report.
        make: builds it, as the laws of its kind say.

    Raises:
        AssertionError: it breaks a law; says which and how.
    """
    kept = []
    for law in laws_of(kind):
        try:
            law(make)
        except AssertionError as error:
            raise AssertionError(f"{kind} {component} breaks {law.__name__}: {error}") from error
        kept.append(law.__name__)
    return Conformance(kind, component, tuple(kept))
