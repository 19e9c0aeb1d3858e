"""Plugins installed in a folder of their own, and a catalogue of made-up components."""

import sys
from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import EntryPoint, distributions
from pathlib import Path
from typing import Annotated, Literal

import pytest
from pydantic import Field, model_validator

from deepnoise_core.contracts import Component, Kind, NoOptions, Options
from deepnoise_registry.catalogue import Catalogue
from deepnoise_registry.records import Discovery, Offer, PluginRecord


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., list[EntryPoint]]]:
    """Lays out a distribution as pip would; returns the entry points of all that were installed.

    Called with a distribution's name, the source of the module of each of its plugins, and a version.
    """
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    before = set(sys.modules)

    def lay_out(distribution: str, modules: Mapping[str, str], version: str = "1.0") -> list[EntryPoint]:
        prefix = distribution.replace("-", "_")
        metadata = folder / f"{prefix}-{version}.dist-info"
        metadata.mkdir()
        (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n")
        lines = [f"{plugin} = {prefix}_{plugin.replace('-', '_')}" for plugin in modules]
        (metadata / "entry_points.txt").write_text("\n".join(["[deepnoise]", *lines]))
        for plugin, source in modules.items():
            (folder / f"{prefix}_{plugin.replace('-', '_')}.py").write_text(source)
        return [
            entry_point
            for found in distributions(path=[str(folder)])
            for entry_point in found.entry_points
            if entry_point.group == "deepnoise"
        ]

    yield lay_out
    for name in set(sys.modules) - before:
        if str(folder) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


class Width(Options):
    width: Annotated[int, Field(ge=1)] = 8
    label: str = ""


class Model(Options):
    model: str


class Margin(Options):
    scale: Annotated[float, Field(gt=0)] = 30.0
    margin: float = 0.1


class Jitter(Options):
    jitter: Annotated[float, Field(ge=0, lt=1)] = 0.0


class Ramp(Options):
    epochs: float = 5.0
    shape: Literal["linear", "sigmoid"] = "sigmoid"


class Teacher(Options):
    ema_decay: Annotated[float, Field(ge=0, lt=1)] = 0.99
    decay: tuple[tuple[float, float], ...] = ((0, 0.5), (10, 0.99))
    ramp: Ramp = Ramp()
    peak: float = float("inf")

    @model_validator(mode="after")
    def _ordered(self) -> "Teacher":
        if [epoch for epoch, _ in self.decay] != sorted(epoch for epoch, _ in self.decay):
            raise ValueError("epochs of decay must rise")
        return self


class Threshold(Options):
    threshold: float = 0.001


def _plugin(name: str, distribution: str, components: Mapping[Kind, Mapping[str, type[Options]]]) -> PluginRecord:
    offers = tuple(
        Offer(kind, Component(bare, f"a {kind}", "collections:OrderedDict", options), name, distribution, "2.1")
        for kind, named in components.items()
        for bare, options in named.items()
    )
    return PluginRecord(name, distribution, "2.1", f"{name}_module", "loaded", components=offers)


@pytest.fixture(scope="session")
def catalogue() -> Catalogue:
    """Two distributions that both offer a backbone `twin`, and a plugin that failed to load."""
    acme: dict[Kind, dict[str, type[Options]]] = {
        Kind.BACKBONE: {"tinynet": Width, "timm": Model, "twin": Width},
        Kind.HEAD: {"linear": NoOptions, "arcface": Margin},
        Kind.NORMALIZER: {"z-score": Jitter, "none": NoOptions},
        Kind.AUGMENTATION: {"deepnoise": NoOptions},
        Kind.STRATEGY: {"supervised": NoOptions, "mean-teacher": Teacher},
        Kind.POSTPROCESSOR: {"site-mean": NoOptions, "plate-group": Threshold},
        Kind.READER: {"rxrx1": NoOptions},
    }
    return Catalogue(
        Discovery(
            (
                _plugin("acme", "acme-parts", acme),
                PluginRecord("broken", "rusty", "0.3", "rusty", "failed", "ImportError: no wheels"),
                _plugin("other", "other-parts", {Kind.BACKBONE: {"twin": Width, "othernet": Width}}),
            )
        )
    )
