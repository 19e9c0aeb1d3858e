"""What is installed: plugins and the components that they offer."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from deepnoise.listing import kind_named
from deepnoise_registry.catalogue import Catalogue
from deepnoise_registry.discovery import discover_from_environment
from deepnoise_registry.records import Offer

if TYPE_CHECKING:
    pass


def installed() -> Catalogue:
    """The components of all installed plugins, found anew; `DEEPNOISE_PLUGINS` may narrow them."""
    return Catalogue(discover_from_environment(os.environ))


def components(kind: str | None = None) -> tuple[Offer, ...]:
    """What can be named in a recipe: all components, or those of one kind (`backbone`, `head`, …)."""
    return installed().offers(kind_named(kind) if kind is not None else None)
