"""Bundles: weights, filled recipe, manifest and golden tensors in one folder that can be moved and published."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from torch import Tensor

from deepnoise_core.contracts import PlateDesign
from deepnoise_core.contracts.errors import ModelError, RecipeError
from deepnoise_core.data.files import fresh_folder, replace_file, sha256_of
from deepnoise_core.engine.classifier import Classifier
from deepnoise_core.engine.devices import pick_hardware
from deepnoise_core.engine.filling import WithoutFilling
from deepnoise_core.engine.weights import adopt_weights, load_weights, save_weights
from deepnoise_registry.catalogue import Catalogue
from deepnoise_registry.compose import Composition, compose_network
from deepnoise_registry.golden import TOLERANCES, make_golden
from deepnoise_registry.hub.card import card
from deepnoise_registry.manifest import (
    CARD,
    GOLDEN,
    MANIFEST,
    RECIPE,
    WEIGHTS,
    GoldenRecord,
    Manifest,
    Result,
    read_manifest,
)
from deepnoise_registry.recipes.document import LARGEST
from deepnoise_registry.recipes.reading import parse_recipe
from deepnoise_registry.recipes.recipe import Recipe
from deepnoise_registry.recipes.writing import recipe_to_yaml
from deepnoise_registry.requirements import qualified, require_plugins, requirements_of

__all__ = ["MANIFEST", "Bundle", "Manifest", "read_bundle", "read_manifest", "recipe_of", "write_bundle"]


@dataclass(frozen=True)
class Bundle:
    """A bundle in memory, its network in evaluation mode on the CPU.

    Attributes:
        path: its folder.
        manifest: what it says of itself.
        recipe: filled.
        network: with the published weights.
        notes: one line for each thing that a reader of predictions must know.
    """

    path: Path
    manifest: Manifest
    recipe: Recipe
    network: Classifier
    notes: tuple[str, ...] = ()

    @property
    def design(self) -> PlateDesign:
        """What the training plates told about plates."""
        groups = tuple(frozenset(group) for group in self.manifest.groups)
        return PlateDesign(
            groups,
            self.manifest.exclusive,
            self.manifest.cyclic,
            self.manifest.capacity,
            self.manifest.sets,
            roles=tuple(role.value for role in self.recipe.design.roles or ()),
        )


def write_bundle(
    out: Path,
    composition: Composition,
    weights: Mapping[str, Tensor],
    training: Mapping[str, Any],
    catalogue: Catalogue,
) -> None:
    """Write a bundle to a folder that must not exist yet, and golden tensors of what it reads back.

    Args:
        out: the folder.
        composition: what was trained.
        weights: state of the network that is published.
        training: facts about the training, in JSON types.
        catalogue: where the composition's components came from.

    Raises:
        ModelError: the weights are not those of the composition's network, or hold NaN.
        OutputError: the folder cannot be written.
    """
    recipe = qualified(composition.recipe, catalogue)
    channels, stored = composition.screen.channels, composition.screen.store.shape[1:]
    side = recipe.data.image_size
    shape = (side, side) if side else stored
    sizes = len(composition.target.classes), len(composition.conditions)
    with fresh_folder(out, "a bundle") as folder:
        save_weights(folder / WEIGHTS, weights)
        replace_file(folder / RECIPE, recipe_to_yaml(recipe))
        network = _unfilled(recipe, channels, *sizes, catalogue)
        adopt_weights(network, load_weights(folder / WEIGHTS), folder / WEIGHTS)
        golden = make_golden(network, recipe, channels, shape, catalogue, pick_hardware("cpu", "fp32"))
        save_weights(folder / GOLDEN, golden.tensors)
        manifest = Manifest(
            deepnoise=version("deepnoise"),
            name=recipe.name,
            classes=composition.target.classes,
            control_classes=composition.target.control_classes,
            conditions=composition.conditions,
            channels=channels,
            image_shape=stored,
            input_shape=shape,
            normalizer=recipe.normalizer.name,
            postprocessors=tuple(one.name for one in recipe.postprocessors),
            groups=tuple(tuple(sorted(group)) for group in composition.design.groups),
            exclusive=composition.design.exclusive,
            cyclic=composition.design.cyclic,
            capacity=composition.design.capacity,
            sets=composition.design.sets,
            data_licence=recipe.data.licence,
            results=_results(training),
            training=dict(training),
            golden=GoldenRecord(tolerances=TOLERANCES, normalized=golden.normalized),
            requires=requirements_of(recipe, catalogue),
            sha256={name: sha256_of(folder / name) for name in (WEIGHTS, RECIPE, GOLDEN)},
        )
        replace_file(folder / MANIFEST, manifest.model_dump_json(indent=2))
        # Not among the hashes: its author edits it.
        replace_file(folder / CARD, card(manifest))


def read_bundle(path: Path, catalogue: Catalogue) -> Bundle:
    """Read a bundle; what is read of it has the hashes that its manifest tells.

    Its golden tensors are left to `verify_bundle`.

    Raises:
        ModelError: a file is missing or differs from the manifest, a plugin is missing, the recipe cannot be read
            by this version, or the weights do not fit the network; says which.
    """
    manifest = read_manifest(path)
    changed = require_plugins(path, manifest.requires, catalogue)
    file = path / WEIGHTS
    if not file.is_file():
        raise ModelError(f"{path}: the bundle lacks its file {WEIGHTS}; copy the bundle again")
    # Reading and hashing leave the interpreter free, and take as long as all else together.
    with ThreadPoolExecutor(1) as reader:
        weights = reader.submit(load_weights, file, manifest.sha256[WEIGHTS])
        recipe = recipe_of(path, manifest, catalogue)
        sizes = len(manifest.classes), len(manifest.conditions)
        network = _unfilled(recipe, manifest.channels, *sizes, catalogue)
        adopt_weights(network, weights.result(), file)
    return Bundle(path, manifest, recipe, network, (*manifest.notes, *changed))


def recipe_of(path: Path, manifest: Manifest, catalogue: Catalogue) -> Recipe:
    """The recipe of a bundle.

    Raises:
        ModelError: it is missing or differs from the manifest, or this version or its plugins do not know all
            that it says.
    """
    file = path / RECIPE
    try:
        with file.open("rb") as opened:
            raw = opened.read(LARGEST + 1)
    except FileNotFoundError as error:
        raise ModelError(f"{path}: the bundle lacks its file {RECIPE}; copy the bundle again") from error
    except OSError as error:
        raise ModelError(f"{file}: cannot be read: {error.strerror}") from error
    if len(raw) > LARGEST:
        raise ModelError(f"{file}: is larger than {LARGEST:,} bytes, so it is no recipe")
    if hashlib.sha256(raw).hexdigest() != manifest.sha256[RECIPE]:
        raise ModelError(f"{file}: differs from the bundle's manifest (sha256); copy the bundle again")
    try:
        return parse_recipe(raw.decode(), str(file), catalogue).recipe
    except (UnicodeDecodeError, RecipeError) as error:
        by = f"deepnoise {manifest.deepnoise}" if manifest.deepnoise else "a deepnoise before 1.1 of the format"
        raise ModelError(
            f"{error}\n{file}: cannot be read by deepnoise {version('deepnoise')}; the bundle was written by {by}"
        ) from error


def _unfilled(
    recipe: Recipe, channels: tuple[str, ...], classes: int, conditions: int, catalogue: Catalogue
) -> Classifier:
    """The network of a recipe in evaluation mode, its weights whatever lay in memory."""
    with WithoutFilling():
        return compose_network(recipe, channels, classes, conditions, catalogue).eval()


def _results(training: Mapping[str, Any]) -> tuple[Result, ...]:
    """What validation wells told of the epoch that was kept; nothing where there were none."""
    best = training.get("best", {})
    found = {"raw": best.get("validation_accuracy"), "group": best.get("validation_group_accuracy")}
    return tuple(
        Result(metric="accuracy", value=value, part="validation", stage=stage)
        for stage, value in found.items()
        if value is not None
    )
