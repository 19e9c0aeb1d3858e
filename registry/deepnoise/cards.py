"""The card of a run or series: what a reader must know of it, and by which it is resumed."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from deepnoise_core.contracts import Screen
from deepnoise_core.contracts.errors import ModelError
from deepnoise_core.engine.devices import Hardware
from deepnoise_core.engine.domain_norm import domain_norm
from deepnoise_core.engine.selection import GROUPS_USED, selected_by
from deepnoise_registry.catalogue import Catalogue
from deepnoise_registry.compose import Composition
from deepnoise_registry.recipes.recipe import Recipe, recipe_hash
from deepnoise_registry.screens import open_screen

CARD = "run.json"
PARTS = ("train", "validation", "test")


def read_card(path: Path) -> dict[str, Any]:
    """What a card holds.

    Raises:
        ModelError: it is missing or cannot be read.
    """
    try:
        card: dict[str, Any] = json.loads(path.read_text())
    except FileNotFoundError as error:
        raise ModelError(
            f"{path.parent}: holds no run to resume, since it has no {path.name}; give the folder of a run"
        ) from error
    except (OSError, ValueError) as error:
        raise ModelError(f"{path}: cannot be read: {error}") from error
    return card


def card_of(composition: Composition, hardware: Hardware, inherited: Sequence[str] = ()) -> dict[str, Any]:
    """The card of a run that begins, in JSON types; `inherited` is what its first weights used transductively."""
    recipe, split, screen, target = composition.recipe, composition.split, composition.screen, composition.target
    uses = [composition.normalizer.transductive] if composition.normalizer.transductive else []
    if composition.strategy.views.unlabelled:
        pools = {part: target.used & (split.parts == part) for part in recipe.data.unlabelled}
        uses += [f"unlabelled {part} images" for part, rows in pools.items() if rows.any()]
    selection = recipe.train.selection
    selects = bool(np.any((split.parts == "validation") & target.scored & (target.codes >= 0)))
    if selects:
        norm = domain_norm(recipe.inference, screen, composition.student, part="validation")
        uses += [norm.transductive] if norm and norm.transductive else []
        uses += [GROUPS_USED] if selection == "group" else []
    return {
        "recipe": recipe.name,
        "recipe_sha256": recipe_hash(recipe),
        "seed": recipe.seed,
        "screen": screen_record(screen),
        "target": recipe.data.target,
        "split": {"unit": recipe.data.split.unit, **{part: list(getattr(split, part)) for part in PARTS}},
        "transductive": list(dict.fromkeys((*uses, *inherited))),
        "selection": selected_by(selection, validated=selects),
        "hardware": str(hardware),
        "versions": {
            "python": platform.python_version(),
            **{name: version(name) for name in ("deepnoise", "torch", "timm", "numpy")},
        },
    }


def open_as_it_was(
    screen: Screen | Path | str | None,
    record: Mapping[str, Any],
    recipe: Recipe,
    catalogue: Catalogue,
    out: Path,
) -> Screen:
    """The screen of a run or series that is resumed, with the very sites that it began with.

    Args:
        screen: open, or where it is now; where it was, if None.
        record: what the run's card says of its screen.
        recipe: names the reader.
        catalogue: where readers are found.
        out: folder of the run, for messages.

    Raises:
        ModelError: the screen has other sites now.
    """
    if not isinstance(screen, Screen):
        screen = open_screen(screen or record["source"], catalogue, recipe.reader)
    return _as_it_was(screen, record, out)


def screen_record(screen: Screen) -> dict[str, Any]:
    """What a card says of a screen, in JSON types."""
    return {
        "source": screen.source,
        "reader": screen.reader,
        "sites": len(screen),
        "dropped": {one.site_id: one.reason for one in screen.dropped},
    }


def _as_it_was(screen: Screen, record: Mapping[str, Any], out: Path) -> Screen:
    """The sites that a run began with: what it left out, for any reason, is left out again."""
    dropped: Mapping[str, str] = record["dropped"]
    lost = next((one for one in screen.dropped if one.site_id not in dropped), None)
    if lost is not None:
        raise ModelError(f"{out}: began with site {lost.site_id}, which cannot be used now: {lost.reason}")
    reasons = {row: dropped[site] for row, site in enumerate(screen.sites["site_id"]) if site in dropped}
    screen = screen.drop(reasons)
    if len(screen) != record["sites"]:
        raise ModelError(
            f"{out}: began with {record['sites']:,} sites, but {screen.source} has {len(screen):,} now; "
            "resume with the screen as it was, or start another run"
        )
    return screen
