"""Bundles: weights, filled recipe and manifest in one folder that can be moved and published."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError
from torch import Tensor

from deepnoise_core.contracts import Kind, Options, PlateDesign
from deepnoise_core.contracts.errors import InputError, ModelError
from deepnoise_core.data.files import fresh_folder, replace_file, sha256_of
from deepnoise_core.engine.checkpoints import load_weights, restore, save_weights
from deepnoise_core.engine.classifier import Classifier
from deepnoise_registry.catalogue import Catalogue
from deepnoise_registry.compose import Composition, compose_network
from deepnoise_registry.recipes.reading import read_recipe
from deepnoise_registry.recipes.recipe import COMPONENT_FIELDS, COMPONENT_LISTS, ComponentReference, Recipe
from deepnoise_registry.recipes.writing import recipe_to_yaml

WEIGHTS, RECIPE, MANIFEST = "model.safetensors", "recipe.yaml", "manifest.json"


class Requirement(Options):
    """Who provided a component when the bundle was written."""

    kind: Kind
    name: str
    plugin: str
    distribution: str
    version: str


class Manifest(Options):
    """What a bundle says of itself."""

    format: Literal["1.0"] = "1.0"
    name: str
    classes: tuple[str, ...]
    control_classes: tuple[str, ...] = Field((), description="the last of the classes, which controls alone show")
    conditions: tuple[str, ...] = Field((), description="cell types that the network is told of, in its order")
    channels: tuple[str, ...]
    image_shape: tuple[int, int] = Field(description="height and width of the stored training images")
    groups: tuple[tuple[int, ...], ...] = Field(description="class indices of each plate group")
    exclusive: bool = Field(description="whether a class occurs at most once on a plate")
    cyclic: bool = Field(description="whether the groups follow each other in this order on all training plates")
    capacity: tuple[int, ...] = Field((), description="how often each class may come on a plate; empty: unknown")
    sets: tuple[str, ...] = Field((), description="what the screen calls each group; empty where they were found")
    training: dict[str, Any] = Field(description="screen, units of each part, metrics, versions")
    requires: tuple[Requirement, ...]
    sha256: dict[str, str]

    @property
    def scored_classes(self) -> tuple[str, ...]:
        """The classes that are predicted: all but those of controls alone."""
        return self.classes[: len(self.classes) - len(self.control_classes)]

    @property
    def temperature(self) -> float | None:
        """What wells' logits are divided by to tell a probability, as validation wells say; None without them."""
        temperature: float | None = self.training.get("best", {}).get("validation_temperature")
        return temperature


@dataclass(frozen=True)
class Bundle:
    """A bundle in memory, its network in evaluation mode on the CPU."""

    path: Path
    manifest: Manifest
    recipe: Recipe
    network: Classifier

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
    """Write a bundle to a folder that must not exist yet.

    Args:
        out: the folder.
        composition: what was trained.
        weights: state of the network that is published.
        training: facts about the training, in JSON types.
        catalogue: where the composition's components came from.
    """
    recipe = composition.recipe
    with fresh_folder(out, "a bundle") as folder:
        save_weights(folder / WEIGHTS, weights)
        replace_file(folder / RECIPE, recipe_to_yaml(_qualified(recipe, catalogue)))
        manifest = Manifest(
            name=recipe.name,
            classes=composition.target.classes,
            control_classes=composition.target.control_classes,
            conditions=composition.conditions,
            channels=composition.screen.channels,
            image_shape=composition.screen.store.shape[1:],
            groups=tuple(tuple(sorted(group)) for group in composition.design.groups),
            exclusive=composition.design.exclusive,
            cyclic=composition.design.cyclic,
            capacity=composition.design.capacity,
            sets=composition.design.sets,
            training=dict(training),
            requires=_requirements(recipe, catalogue),
            sha256={name: sha256_of(folder / name) for name in (WEIGHTS, RECIPE)},
        )
        replace_file(folder / MANIFEST, manifest.model_dump_json(indent=2))


def read_bundle(path: Path, catalogue: Catalogue) -> Bundle:
    """Read a bundle, its hashes checked before its weights are parsed.

    Raises:
        ModelError: a file is missing or differs from the manifest, a plugin is missing, or the weights do not
            fit the network; says which.
    """
    manifest = read_manifest(path)
    for name, expected in manifest.sha256.items():
        file = path / Path(name).name
        if not file.is_file():
            raise ModelError(f"{path}: the bundle lacks its file {name}; copy the bundle again")
        if sha256_of(file) != expected:
            raise ModelError(f"{file}: differs from the bundle's manifest (sha256); copy the bundle again")
    _require_plugins(path, manifest, catalogue)
    recipe, _ = read_recipe(path / RECIPE, catalogue)
    sizes = len(manifest.classes), len(manifest.conditions)
    network = compose_network(recipe, manifest.channels, *sizes, catalogue)
    restore(network, load_weights(path / WEIGHTS), path / WEIGHTS)
    return Bundle(path, manifest, recipe, network.eval())


def read_manifest(bundle: Path) -> Manifest:
    """The manifest of a bundle's folder; no other file is looked at.

    Raises:
        ModelError: it is missing or malformed.
    """
    path = bundle / MANIFEST
    try:
        return Manifest.model_validate_json(path.read_bytes())
    except FileNotFoundError as error:
        raise ModelError(
            f"{bundle}: is no bundle, since it has no {MANIFEST}; give the folder of a run or a bundle"
        ) from error
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror}") from error
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"])) or "the file"
        raise ModelError(f"{path}: {field}: {first['msg']}; copy the bundle again") from error


def component_references(recipe: Recipe) -> list[tuple[Kind, ComponentReference]]:
    """Every component that a recipe names, with its kind, in the order of the recipe."""
    single = [(kind, getattr(recipe, field)) for field, kind in COMPONENT_FIELDS.items()]
    listed = [(kind, one) for field, kind in COMPONENT_LISTS.items() for one in getattr(recipe, field)]
    return [(kind, reference) for kind, reference in (*single, *listed) if reference is not None]


def _qualified(recipe: Recipe, catalogue: Catalogue) -> Recipe:
    """The recipe with `plugin/name` throughout, so that no plugin installed later makes a name ambiguous."""

    def named(kind: Kind, reference: ComponentReference) -> ComponentReference:
        return reference.model_copy(update={"name": catalogue.find(kind, reference.name).qualified_name})

    single = {
        field: named(kind, reference)
        for field, kind in COMPONENT_FIELDS.items()
        if (reference := getattr(recipe, field)) is not None
    }
    listed = {
        field: tuple(named(kind, reference) for reference in getattr(recipe, field))
        for field, kind in COMPONENT_LISTS.items()
    }
    return recipe.model_copy(update={**single, **listed})


def _requirements(recipe: Recipe, catalogue: Catalogue) -> tuple[Requirement, ...]:
    offers = [catalogue.find(kind, reference.name) for kind, reference in component_references(recipe)]
    return tuple(
        Requirement(
            kind=offer.kind,
            name=offer.name,
            plugin=offer.plugin,
            distribution=offer.distribution,
            version=offer.version,
        )
        for offer in dict.fromkeys(offers)
    )


def _require_plugins(path: Path, manifest: Manifest, catalogue: Catalogue) -> None:
    missing = []
    for need in manifest.requires:
        try:
            catalogue.find(need.kind, f"{need.plugin}/{need.name}")
        except InputError:
            missing.append(need)
    if missing:
        named = ", ".join(f"{one.kind} {one.name!r} ({one.distribution} {one.version})" for one in missing)
        install = " ".join(dict.fromkeys(f"'{one.distribution}=={one.version}'" for one in missing))
        raise ModelError(f"{path}: needs {named}, which no loaded plugin offers; try: pip install {install}")
