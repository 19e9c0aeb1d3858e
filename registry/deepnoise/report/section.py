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


def hint(text: str) -> Markup:
    """A paragraph that says why something is not shown, or what to do for it."""
    return Markup('<p class="hint">{}</p>').format(text)


@cache
def _templates() -> Environment:
    made = Environment(
        loader=PackageLoader("deepnoise.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["percent"] = percent
    return made
