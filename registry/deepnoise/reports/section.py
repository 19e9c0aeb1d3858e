"""What a report is made of: sections, and fragments of HTML in which everything is escaped."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from deepnoise.console import percent


@dataclass(frozen=True)
class Section:
    """One part of the page.

    Attributes:
        key: its anchor, letters and hyphens.
        title: its heading.
        body: its HTML.
        data: what the page's script needs of it, in JSON types.
    """

    key: str
    title: str
    body: Markup
    data: Mapping[str, Any] = field(default_factory=dict)


def fragment(template: str, **data: Any) -> Markup:
    """HTML of a template of this package; whatever it is given is escaped, unless it is a fragment itself."""
    return Markup(_templates().get_template(template).render(data))  # noqa: S704 - rendered with autoescape


def unbroken(text: str) -> str:
    """A text whose percentages are never divided between lines."""
    return text.replace(" %", "\u00a0%")


def _unbroken_percent(value: float | None) -> str:
    """As `percent`, with a space at which no line breaks."""
    return unbroken(percent(value))


@cache
def _templates() -> Environment:
    made = Environment(
        loader=PackageLoader("deepnoise.reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {"percent": _unbroken_percent, "unbroken": unbroken}
    return made
