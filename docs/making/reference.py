"""Writes the reference from the code: hooks, components, commands, and the fields of recipes.

`python docs/making/reference.py`, or `make reference`, rewrites `docs/reference/` and the tables of
`docs/recipes.md`; a test demands that they are as this would write them.
"""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import typer.main
from pydantic import BaseModel
from subjects import FIELDS, PROTOCOLS

from deepnoise.cli import app
from deepnoise.listing import option_rows
from deepnoise_core.contracts import (
    API,
    Command,
    Component,
    Kind,
    Options,
    hookspecs,
)
from deepnoise_core.testing.suites import laws_of
from deepnoise_registry.catalogue import Catalogue
from deepnoise_registry.discovery import discover

DOCS = Path(__file__).resolve().parents[1]

ESCAPED = r"\|"
"""A stroke inside a cell of a table."""

GENERATED = "<!-- Written by `make reference` from the code: change that instead. -->"


HOOKS_LEAD = f"""\
# Hooks and protocols

{GENERATED}

The whole of what plugins can add, in version {API} of the API: one hook a kind of component, and one for
commands. A plugin is a module behind an entry point of the group `deepnoise`. It says `DEEPNOISE_API =
"{API}"`, and marks with `@hookimpl` the hooks that it implements. All of this is imported from
`deepnoise_core.contracts`, or from its module `protocols`. Each kind has a [how-to](../howto/index.md) with an
example that runs, and [laws](laws.md), which every component keeps.
"""

LAWS_LEAD = f"""\
# Laws

{GENERATED}

What a component of each kind is held to, by the suites in `deepnoise_core.testing`. A plugin's own tests run them
with the marker `deepnoise`, and `deepnoise plugins check` runs them from outside. Basic ones are those that the
engine needs to run a component at all; the others make its results believable.
"""

COMPONENTS_LEAD = f"""\
# Built-in components

{GENERATED}

What a recipe can name where nothing but deepnoise is installed. `deepnoise components` lists what *is*
installed, and `deepnoise component show NAME` prints the options of one.
"""

COMMANDS_LEAD = f"""\
# Commands

{GENERATED}

Each command says the same with `--help`. Those that print data have `--json`; those that write take the path of
what they write, and overwrite nothing. A command ends with 0, with 1 where a check found something, and with 2
where it was used wrongly or its input is at fault, which one message tells.
"""


def pages() -> dict[str, str]:
    """Path in docs/ → the text that it should have."""
    return {
        "reference/laws.md": "\n".join(laws_page()),
        "reference/hooks.md": "\n".join(hooks_page()),
        "reference/components.md": "\n".join(components_page()),
        "reference/commands.md": "\n".join(commands_page()),
        "recipes.md": with_field_tables((DOCS / "recipes.md").read_text()),
    }


def hook_specs() -> dict[str, Any]:
    """Every hook by its name."""
    return {name: one for name, one in vars(hookspecs).items() if hasattr(one, f"{hookspecs.GROUP}_spec")}


def hooks_page() -> Iterator[str]:
    """Records that hooks return, and each hook with the protocols of its kind."""
    kinds = {kind.hook: kind for kind in Kind}
    yield HOOKS_LEAD
    yield "## What hooks return\n"
    yield from map(source_section, (Component, Options, Command))
    for name, spec in hook_specs().items():
        yield f"## {name}\n\n{inspect.getdoc(spec)}\n\n{as_code(f'def {name}{signature_of(spec)}: ...')}"
        if name in kinds:
            yield from map(source_section, PROTOCOLS[kinds[name]])


def signature_of(function: Any) -> str:
    """Arguments and result as they are written."""
    return str(inspect.signature(function)).replace("'", "")


def source_section(one: type) -> str:
    """A class as its source says it."""
    return f"### {one.__name__}\n\n{as_code(inspect.getsource(one))}"


def laws_page() -> Iterator[str]:
    """The laws of each kind."""
    yield LAWS_LEAD
    for kind in Kind:
        basic = laws_of(kind, "basic")
        rows = [
            [f"`{law.__name__}`", "yes" if law in basic else "", " ".join((inspect.getdoc(law) or "").split())]
            for law in laws_of(kind)
        ]
        yield f"## {kind.capitalize()}\n\n{table(['law', 'basic', 'what holds'], rows)}"


def as_code(source: str) -> str:
    """Python to read and not to run, which `py` says."""
    return f"```py\n{source.strip()}\n```\n"


def components_page() -> Iterator[str]:
    """The built-in components of each kind, with their options."""
    catalogue = Catalogue(discover())
    yield COMPONENTS_LEAD
    for kind in Kind:
        yield f"## {kind.capitalize()}\n"
        for offer in sorted(catalogue.offers(kind), key=lambda one: one.name):
            if offer.distribution == "deepnoise":
                yield component_section(offer.component)


def component_section(component: Component) -> str:
    """A component, its source and its options."""
    source = f" Source: {component.reference}." if component.reference else ""
    rows = [
        [*(f"`{cell if str(cell) else repr('')}`" for cell in (option, kind, default)), meaning]
        for option, kind, default, meaning in option_rows(component.options)
    ]
    options = f"\n{table(['option', 'type', 'default', 'meaning'], rows)}" if rows else ""
    return f"### {component.name}\n\n{component.summary.rstrip('.')}.{source}\n{options}"


def commands_page() -> Iterator[str]:
    """Every command with its arguments and options."""
    yield COMMANDS_LEAD
    for name, command in leaves("deepnoise", typer.main.get_command(app)):
        shown = [one for one in command.get_params(click.Context(command)) if "--help" not in one.opts]
        usage = " ".join([name, *(usage_of(one) for one in shown if one.required or is_argument(one))])
        yield f"## {name}\n\n{' '.join((command.help or '').split())}\n\n```text\n{usage}\n```\n"
        if shown:
            rows = [[f"`{words(one)}`", default_of(one), getattr(one, "help", "") or ""] for one in shown]
            yield table(["argument", "default", "meaning"], rows)
        yield re.sub(r"^Example: (.*)$", r"Example: `\1`", command.epilog or "") + "\n"


def leaves(name: str, command: Any) -> Iterator[tuple[str, Any]]:
    """Every command that does something, by its full name."""
    inner = getattr(command, "commands", None)
    if inner is None:
        yield name, command
        return
    for word in sorted(inner):
        yield from leaves(f"{name} {word}", inner[word])


def is_argument(parameter: Any) -> bool:
    """Whether it is told by its place, and not by a name with dashes."""
    return bool(parameter.param_type_name == "argument")


def usage_of(parameter: Any) -> str:
    """An argument, in brackets where it may be left out, or an option with its value."""
    if not is_argument(parameter):
        return f"{parameter.opts[0]} {parameter.metavar or parameter.name.upper()}"
    return words(parameter) if parameter.required else f"[{words(parameter)}]"


def words(parameter: Any) -> str:
    """How an argument or option is written."""
    if is_argument(parameter):
        return re.sub(r"\[?(\w+)\]?\.\.\.$", r"\1 …", str(parameter.metavar or parameter.name).upper())
    return ", ".join((*parameter.opts, *parameter.secondary_opts))


def default_of(parameter: Any) -> str:
    """The default as it would be typed; nothing for flags and for what has none."""
    if parameter.required:
        return "required"
    value = parameter.default
    return "" if value is None or value is False or value in ("", ()) else f"`{value}`"


def table(head: list[str], rows: list[list[str]]) -> str:
    """A table in Markdown."""
    first, *others = (f"| {' | '.join(cell.replace('|', ESCAPED) for cell in row)} |\n" for row in [head, *rows])
    return "".join([first, f"|{'---|' * len(head)}\n", *others])


def with_field_tables(text: str) -> str:
    """The text with the table of each model under its mark; every model must have one."""
    for model, prefix in FIELDS.items():
        mark = f"<!-- fields: {model.__name__} -->\n"
        before, found, after = text.partition(mark)
        if not found:
            raise SystemExit(f"docs/recipes.md: add a section with {mark.strip()!r}")
        after = re.sub(r"\A\n*(?:\|.*\n)*\n*", "", after)
        text = f"{before}{mark}\n{field_table(model, prefix)}\n{after}"
    return text


def field_table(model: type[BaseModel], prefix: str) -> str:
    """Fields, defaults and meanings."""
    rows = []
    for name, field in model.model_fields.items():
        default = "required" if field.is_required() else f"`{default_text(field.default)}`"
        if isinstance(field.default, BaseModel) and is_section(field.default):
            default = "see below"
        rows.append([f"`{prefix}{name}`", default, field.description or ""])
    return table(["field", "default", "meaning"], rows)


def is_section(value: BaseModel) -> bool:
    """Whether a value is a section of fields of its own, and no component."""
    return "options" not in type(value).model_fields


def default_text(value: Any) -> str:
    """A default as it can be written in a recipe; a component without options by its name alone."""
    match value:
        case BaseModel():
            return str(getattr(value, "name", ""))
        case tuple():
            return f"[{', '.join(map(default_text, value))}]"
        case str():
            return value or "''"
        case _:
            return json.dumps(value)


if __name__ == "__main__":
    for path, text in pages().items():
        (DOCS / path).parent.mkdir(exist_ok=True)
        (DOCS / path).write_text(text)
