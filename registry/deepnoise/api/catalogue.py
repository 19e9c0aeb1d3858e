"""What is installed: plugins and the components that they offer."""

from __future__ import annotations

from deepnoise.listing import catalogue, kind_named
from deepnoise_registry.catalogue import Catalogue
from deepnoise_registry.records import Offer


def installed() -> Catalogue:
    """The components of all installed plugins, found anew; `DEEPNOISE_PLUGINS` may narrow them."""
    return catalogue()


def components(kind: str | None = None) -> tuple[Offer, ...]:
    """What can be named in a recipe: all components, or those of one kind (`backbone`, `head`, …)."""
    return installed().offers(kind_named(kind) if kind is not None else None)
