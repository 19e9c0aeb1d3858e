"""Laws of components of every kind: what is listed before any of them is made."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median
from typing import Any, get_args

from pydantic import BaseModel
from pydantic.errors import PydanticUserError

from deepnoise_core.contracts import Component, Kind, Options
from deepnoise_core.testing.importing import first_import, imported
from deepnoise_core.testing.laws import require
from deepnoise_core.testing.offline import offline
from deepnoise_core.testing.plugins import Plugin, resolve

IMPORT_BUDGET_S = 1.0
"""Longest import of a plugin with the call of its hooks, after deepnoise's contracts; every command waits."""


@dataclass(frozen=True)
class Offer:
    """A component as its plugin offers it.

    Attributes:
        plugin: whose.
        kind: its kind.
        component: its record.
        options: those that it is held to the laws with.
    """

    plugin: Plugin
    kind: Kind
    component: Component
    options: Options


def the_factory_is_found(offer: Offer) -> None:
    """The factory's import string leads to something that can be called, without a network."""
    with offline():
        factory = resolve(offer.component.factory)
    require(callable(factory), f"the factory is a {type(factory).__name__}, which cannot be called")


def importing_the_plugin_brings_nothing_heavy(offer: Offer) -> None:
    """Importing the plugin and asking its hooks imports no torch and the like, and uses no network."""
    made = first_import(offer.plugin.name, offer.plugin.entry_point.value)
    require(not made.failure, f"in a fresh interpreter, importing the plugin fails: {made.failure}")
    require(
        not made.heavy,
        f"importing the plugin imports {', '.join(made.heavy)}: name factories by import string, and keep "
        "options in a module of their own",
    )


def options_survive_being_written(offer: Offer) -> None:
    """Options that are written as JSON are read as the same, strictly."""
    read = type(offer.options).model_validate_json(offer.options.model_dump_json(), strict=True)
    require(read == offer.options, f"options are written and read as {read!r}, not {offer.options!r}")


def unknown_options_are_refused(offer: Offer) -> None:
    """A field that the options do not have is an error, in them and in options within them."""
    for model in _models(offer.component.options):
        require(
            model.model_config.get("extra") == "forbid", f"{model.__name__} takes fields that it does not have"
        )


def options_do_not_change(offer: Offer) -> None:
    """Options are frozen: a recipe stays what it was when it was checked."""
    for model in _models(offer.component.options):
        require(model.model_config.get("frozen"), f"{model.__name__} is not frozen")


def every_option_is_described(offer: Offer) -> None:
    """Each field says what it does, since `deepnoise component show` prints that."""
    for model in _models(offer.component.options):
        for name, field in model.model_fields.items():
            require((field.description or "").strip(), f"{model.__name__}.{name} has no description")


def options_have_a_schema(offer: Offer) -> None:
    """Options have a JSON Schema, which editors of recipes use."""
    model = offer.component.options
    try:
        schema = model.model_json_schema()
    except PydanticUserError as error:
        raise AssertionError(f"{model.__name__} has no JSON Schema: {error}") from error
    require(schema.get("type") == "object", "the schema is of no object")


def it_says_what_it_is(offer: Offer) -> None:
    """The summary is one line that fits a listing, and the factory and the options have a docstring."""
    summary = offer.component.summary
    fits = summary.strip() == summary and 0 < len(summary) <= 120 and "\n" not in summary
    require(fits, f"the summary is not one line of up to 120 characters: {summary!r}")
    for what, thing in (
        ("the factory", resolve(offer.component.factory)),
        ("the options model", offer.component.options),
    ):
        require((thing.__doc__ or "").strip(), f"{what} has no docstring of its own")


def importing_the_plugin_is_quick(offer: Offer) -> None:
    """Importing the plugin and asking its hooks takes at most `IMPORT_BUDGET_S`, or the median of three does."""
    name, module = offer.plugin.name, offer.plugin.entry_point.value
    seconds = first_import(name, module).seconds
    if seconds > IMPORT_BUDGET_S:
        seconds = median((seconds, imported(name, module).seconds, imported(name, module).seconds))
    require(
        seconds <= IMPORT_BUDGET_S, f"importing the plugin takes {seconds:.1f} s, not at most {IMPORT_BUDGET_S}"
    )


BASIC = (
    the_factory_is_found,
    importing_the_plugin_brings_nothing_heavy,
    options_survive_being_written,
    unknown_options_are_refused,
)

LAWS = (
    *BASIC,
    options_do_not_change,
    every_option_is_described,
    options_have_a_schema,
    it_says_what_it_is,
    importing_the_plugin_is_quick,
)


def _models(options: type[BaseModel]) -> Iterator[type[BaseModel]]:
    """A model and those within its fields, such as the values of a mapping."""
    found, waiting = set[type[BaseModel]](), [options]
    while waiting:
        model = waiting.pop()
        if model not in found:
            yield model
            found.add(model)
            waiting += [inner for field in model.model_fields.values() for inner in _models_in(field.annotation)]


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models_in(argument)
