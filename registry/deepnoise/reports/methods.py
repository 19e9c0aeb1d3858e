"""Methods: what a paper would say of this result, with citations, versions, seeds and the recipe in full."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from deepnoise.reports.section import Section, fragment


@dataclass(frozen=True)
class Part:
    """One component of a recipe.

    Attributes:
        kind: what it is for.
        name: as the recipe names it.
        summary: one line.
        reference: paper, DOI or URL; empty where it has none.
    """

    kind: str
    name: str
    summary: str
    reference: str


def methods(
    paragraphs: Sequence[str], parts: Sequence[Part], recipe: str, provenance: Mapping[str, str]
) -> Section:
    """The methods section.

    Args:
        paragraphs: prose.
        parts: components in the order of the recipe.
        recipe: YAML of the whole recipe; empty where it is not known.
        provenance: name → value, such as versions, seeds and hashes.
    """
    numbers: dict[str, int] = {}
    cited: list[str] = []
    for reference in filter(None, (part.reference for part in parts)):
        # A work may be named by its identifier alone where it is named by its title before.
        same = [number for number, text in enumerate(cited, start=1) if text.endswith(reference)]
        cited += [] if same else [reference]
        numbers[reference] = same[0] if same else len(cited)
    return Section(
        "methods",
        "Methods",
        fragment(
            "methods.html",
            paragraphs=paragraphs,
            parts=[(part, numbers.get(part.reference)) for part in parts],
            cited=cited,
            recipe=recipe,
            provenance=provenance,
        ),
    )
