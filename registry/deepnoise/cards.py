"""The card of a run or series: what a reader must know of it, and by which it is resumed."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from deepnoise.circumstances import circumstances
from deepnoise_core.contracts import Screen, SiteStatistics
from deepnoise_core.contracts.errors import ModelError
from deepnoise_core.data.files import replace_file, sha256_of
from deepnoise_core.data.fingerprints import pixels_fingerprint, sites_fingerprint
from deepnoise_core.data.rows import rows_of_sites
from deepnoise_core.data.splits import PARTS
from deepnoise_core.engine.devices import Hardware
from deepnoise_core.engine.domain_norm import domain_norm
from deepnoise_core.engine.selection import GROUPS_USED, selected_by
from deepnoise_registry.catalogue import Catalogue
from deepnoise_registry.compose import Composition
from deepnoise_registry.manifest import WEIGHTS
from deepnoise_registry.recipes.differences import differing_fields
from deepnoise_registry.recipes.reading import parse_recipe
from deepnoise_registry.recipes.recipe import Recipe, recipe_hash
from deepnoise_registry.screens import open_screen

CARD, FILLED = "run.json", "filled"


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


def write_card(path: Path, card: Mapping[str, Any], recipe: Recipe, bundle: Path | None = None) -> None:
    """Write a card with its whole recipe, so that no other file is needed to train the same again.

    Args:
        path: of the card.
        card: as of `card_of`.
        recipe: filled.
        bundle: what came out, if anything has: the card tells the hash of its weights.
    """
    weights = {} if bundle is None else {"weights_sha256": sha256_of(bundle / WEIGHTS)}
    told = {**card, **weights, "again": _again(path.name, card), FILLED: recipe.model_dump(mode="json")}
    replace_file(path, json.dumps(told, indent=2))


def filled_recipe(card: Mapping[str, Any], source: Path, catalogue: Catalogue) -> Recipe | None:
    """The recipe that a card tells; None of a card of an older version, which told none.

    Raises:
        RecipeError: this version or its plugins do not know all that it says.
    """
    told = card.get(FILLED)
    return None if told is None else parse_recipe(json.dumps(told), f"{source}: {FILLED}", catalogue).recipe


def require_own_recipe(card: Mapping[str, Any], recipe: Recipe, out: Path, catalogue: Catalogue) -> None:
    """Refuse to go on with another recipe than the one that a run or series began with.

    Raises:
        ModelError: names the fields that differ.
    """
    began = filled_recipe(card, out, catalogue)
    if began is None:
        return
    changed = differing_fields([one.model_dump(mode="json") for one in (began, recipe)])
    if changed:
        told = "; ".join(
            f"{key}: {json.dumps(then)} then, {json.dumps(now)} now" for key, (then, now) in changed.items()
        )
        raise ModelError(
            f"{out / 'recipe.yaml'}: is not the recipe that this began with: {told}; put it back, or train the "
            "changed one to another folder"
        )


def card_of(
    composition: Composition,
    hardware: Hardware,
    catalogue: Catalogue,
    statistics: SiteStatistics | None,
    inherited: Sequence[str] = (),
) -> dict[str, Any]:
    """The card of a run that begins, in JSON types.

    Args:
        composition: what is trained.
        hardware: where.
        catalogue: where its components came from.
        statistics: of the pixels, where they were measured.
        inherited: what its first weights used transductively.
    """
    recipe, split, screen, target = composition.recipe, composition.split, composition.screen, composition.target
    uses = [composition.normalizer.transductive] if composition.normalizer.transductive else []
    if composition.strategy.views.unlabelled:
        pools = {part: target.used & split.holds(part) for part in recipe.data.unlabelled}
        uses += [f"unlabelled {part} images" for part, rows in pools.items() if rows.any()]
    selection = recipe.train.selection
    selects = bool(np.any(split.holds("validation") & target.scored & (target.codes >= 0)))
    if selects:
        norm = domain_norm(recipe.inference, screen, composition.student, part="validation")
        uses += [norm.transductive] if norm and norm.transductive else []
        uses += [GROUPS_USED] if selection == "group" else []
    return {
        "recipe": recipe.name,
        "recipe_sha256": recipe_hash(recipe),
        "seed": recipe.seed,
        "screen": screen_record(screen, recipe)
        | {"pixels_sha256": None if statistics is None else pixels_fingerprint(statistics)},
        "target": recipe.data.target,
        "split": {"unit": recipe.data.split.unit, **{part: list(getattr(split, part)) for part in PARTS}},
        "transductive": list(dict.fromkeys((*uses, *inherited))),
        "selection": selected_by(selection, validated=selects),
        **circumstances(recipe, hardware, catalogue),
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


def _again(name: str, card: Mapping[str, Any]) -> str:
    """The command that trains the same once more, where a card lies."""
    words = ["deepnoise", "train", "--repeat", name, "--screen", card["screen"]["source"], "--out", "again"]
    count = card.get("processes", 1)
    return shlex.join([*words, *(("--processes", str(count)) if count > 1 else ())])


def screen_record(screen: Screen, recipe: Recipe) -> dict[str, Any]:
    """What a card says of the screen that a recipe learns from, in JSON types."""
    return {
        "source": screen.source,
        "reader": screen.reader,
        "sites": len(screen),
        "sites_sha256": sites_fingerprint(screen, recipe.data.target),
        "dropped": {one.site_id: one.reason for one in screen.dropped},
    }


def _as_it_was(screen: Screen, record: Mapping[str, Any], out: Path) -> Screen:
    """The sites that a run began with: what it left out, for any reason, is left out again."""
    dropped: Mapping[str, str] = record["dropped"]
    lost = next((one for one in screen.dropped if one.site_id not in dropped), None)
    if lost is not None:
        raise ModelError(f"{out}: began with site {lost.site_id}, which cannot be used now: {lost.reason}")
    reasons = {row: dropped[site] for site, row in rows_of_sites(screen, dropped).items()}
    screen = screen.drop(reasons)
    if len(screen) != record["sites"]:
        raise ModelError(
            f"{out}: began with {record['sites']:,} sites, but {screen.source} has {len(screen):,} now; "
            "give the screen as it was, or start another run"
        )
    return screen
