"""The page: everything that can be told of a run or of predictions, in one file."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from jinja2.utils import htmlsafe_json_dumps

from deepnoise.reports import telling
from deepnoise.reports.assembly import Choices, sections_of
from deepnoise.reports.gathering import Material, gather
from deepnoise.reports.palette import LINES, VIRIDIS
from deepnoise.reports.section import Section, fragment
from deepnoise_core.contracts import Screen
from deepnoise_core.data.files import refuse_taken_file, replace_file
from deepnoise_core.engine.observation import Observer, Silent
from deepnoise_registry.catalogue import Catalogue


def write_report(
    source: Path,
    out: Path,
    catalogue: Catalogue,
    *,
    screen: Screen | None = None,
    choices: Choices | None = None,
    observer: Observer | None = None,
) -> Path:
    """Write a report as one HTML file that asks no server for anything.

    Args:
        source: a run's folder or a folder of predictions.
        out: the file; must not exist yet.
        catalogue: where readers and components are found.
        screen: what was predicted, where it is no longer where it was.
        choices: what is made, and how large it may be.
        observer: is told of progress.

    Raises:
        InputError: the source is neither, its predictions are of another screen, or the file is taken.
    """
    refuse_taken_file(out, "a report")
    material = gather(source, catalogue, screen)
    sections = sections_of(material, catalogue, choices or Choices(), observer or Silent())
    replace_file(out, page(telling.title_of(material), _lead(material), sections))
    return out


def page(title: str, lead: str, sections: Sequence[Section]) -> str:
    """The HTML of sections as one page; its own style and script are all that it may use."""
    style = fragment("style.css", viridis=VIRIDIS, kinds=LINES)
    script = fragment("script.js")
    return str(
        fragment(
            "page.html",
            title=title,
            lead=lead,
            sections=sections,
            style=style,
            style_hash=_hash(style),
            script=script,
            script_hash=_hash(script),
            version=version("deepnoise"),
            json=lambda data: htmlsafe_json_dumps(data, separators=(",", ":"), ensure_ascii=False),
        )
    )


def _lead(material: Material) -> str:
    found = telling.facts(material)
    return "; ".join(found[name] for name in ("Predicted", "Of these") if name in found) or "A training run."


def _hash(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
