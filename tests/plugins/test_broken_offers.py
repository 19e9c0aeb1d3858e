"""Components that break a law of every kind are caught by it."""

from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Annotated, Any

import pytest
from pydantic import BaseModel, Field, PlainSerializer

from deepnoise_core.contracts import GROUP, Component, Kind, NoOptions, Options
from deepnoise_core.testing import offers
from deepnoise_core.testing.importing import first_import
from deepnoise_core.testing.offers import Offer
from deepnoise_core.testing.plugins import Plugin
from deepnoise_core.testing.suites import Law


class _Rounded(Options):
    """Writes less than it was given."""

    share: Annotated[float, PlainSerializer(lambda share: round(share, 1))] = Field(0.25, description="a share")


class _Lax(BaseModel, frozen=True):
    """Takes anything."""


class _LaxWithin(Options):
    """Is strict, with something lax among its fields."""

    views: dict[str, _Lax | None] = Field({}, description="by name")


class _Loose(BaseModel, extra="forbid"):
    """Can be changed."""


class _LooseWithin(Options):
    """Is frozen, with something loose among its fields."""

    views: tuple[_Loose, ...] = Field((), description="one after another")


class _Mute(Options):
    """Does not say what its field is."""

    share: float = 0.5


class _Undocumented(Options):
    share: float = Field(0.5, description="a share")


class _Callback(Options):
    """Has a field that no file can hold."""

    rule: Callable[[int], int] | None = Field(None, description="a rule")


def _offer(options: type[Options] = NoOptions, module: str = "somewhere", **changes: Any) -> Offer:
    plugin = Plugin(EntryPoint("broken", module, GROUP))
    component = Component("broken", "Is broken.", "deepnoise_core.contracts:Options", options)
    return Offer(plugin, Kind.HEAD, replace(component, **changes), options())


@pytest.mark.parametrize(
    ("broken", "law", "message"),
    [
        (_offer(factory="deepnoise_core.contracts:API"), offers.the_factory_is_found, "cannot be called"),
        (_offer(_Rounded), offers.options_survive_being_written, "are written and read as"),
        (_offer(_LaxWithin), offers.unknown_options_are_refused, "_Lax takes fields that it does not have"),
        (_offer(_LooseWithin), offers.options_do_not_change, "_Loose is not frozen"),
        (_offer(_Mute), offers.every_option_is_described, "_Mute.share has no description"),
        (_offer(_Callback), offers.options_have_a_schema, "_Callback has no JSON Schema"),
        (_offer(summary="One.\nTwo."), offers.it_says_what_it_is, "not one line"),
        (_offer(_Undocumented), offers.it_says_what_it_is, "the options model has no docstring"),
    ],
)
def test_a_broken_offer_is_caught(broken: Offer, law: Law, message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        law(broken)


@pytest.fixture(scope="module")
def heavy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a plugin that imports what every command would wait for, in short."""
    folder = tmp_path_factory.mktemp("heavy")
    (folder / "matplotlib.py").touch()
    (folder / "broken_import.py").write_text("import matplotlib")
    return folder


@pytest.mark.parametrize(
    ("budget", "law", "message"),
    [
        (1.0, offers.importing_the_plugin_brings_nothing_heavy, "imports matplotlib: name factories by"),
        (0.0, offers.importing_the_plugin_is_quick, r"takes \d+\.\d s, not at most 0.0"),
    ],
)
def test_a_broken_import_is_caught(
    budget: float, law: Law, message: str, heavy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(heavy)
    monkeypatch.setattr(offers, "IMPORT_BUDGET_S", budget)
    monkeypatch.setattr(offers, "imported", first_import)  # One process tells all.
    with pytest.raises(AssertionError, match=message):
        law(_offer(module="broken_import"))
