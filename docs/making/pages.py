"""Brings the documents that lie outside of docs/ into the site, and turns links between them to pages.

mkdocs calls these functions (`hooks` in mkdocs.yml).
"""

from __future__ import annotations

import os
import re
from pathlib import Path, PurePosixPath
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[2]

OUTSIDE = {
    "README.md": "overview.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "benchmarks/README.md": "benchmarks.md",
}
"""Path in the repository → page of the site."""

LINK = re.compile(r"\]\(([^)\s:#]+)(#[^)\s]*)?\)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the documents that lie outside."""
    for source, page in OUTSIDE.items():
        files.append(File.generated(config, page, content=(ROOT / source).read_text()))
    return files


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """Turn links to files of the repository into links to pages; those to other files keep their text alone."""
    here = page.file.src_uri
    source = next((source for source, name in OUTSIDE.items() if name == here), f"docs/{here}")
    folder = PurePosixPath(source).parent

    def turned(link: re.Match[str]) -> str:
        target = os.path.normpath(folder / link[1])
        place = OUTSIDE.get(target, target.removeprefix("docs/") if target.startswith("docs/") else None)
        if place is None:
            return "]" if (ROOT / target).exists() else link[0]
        return f"]({os.path.relpath(place, PurePosixPath(here).parent)}{link[2] or ''})"

    return LINK.sub(turned, markdown)
