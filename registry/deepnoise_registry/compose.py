"""From names in a recipe to objects that fit a screen."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import ValidationError

from deepnoise_core.contracts import NO_LABEL, DesignOptions, Kind, PlateDesign, Screen
from deepnoise_core.contracts.errors import DeepnoiseError, InputError
from deepnoise_core.contracts.protocols import (
    Augmentation,
    Normalizer,
    PostProcessor,
    Strategy,
)
from deepnoise_core.data.conditions import known_conditions
from deepnoise_core.data.plates import design_of
from deepnoise_core.data.randomness import derive_seed
from deepnoise_core.data.splits import Split, split
from deepnoise_core.data.targets import Target, encode_target, restrict_target
from deepnoise_core.engine.classifier import Classifier
from deepnoise_registry.building import build
from deepnoise_registry.catalogue import Catalogue
from deepnoise_registry.recipes.recipe import ComponentReference, Recipe


@dataclass(frozen=True)
class Composition:
    """A recipe made to fit a screen: everything that training needs, nothing trained yet.

    Attributes:
        recipe: filled.
        screen: what is learned from.
        split: the part of every site.
        target: classes, and class indices of train and validation sites alone.
        conditions: the cell types that the network is told of; empty where it is told none.
        design: what the labelled training plates tell about plates.
        student: the network, at its seeded start.
        normalizer: not fitted.
        augmentation: makes the views that the strategy wants.
        strategy: not started.
        postprocessors: in the order of the recipe.
    """

    recipe: Recipe
    screen: Screen
    split: Split
    target: Target
    conditions: tuple[str, ...]
    design: PlateDesign
    student: Classifier
    normalizer: Normalizer
    augmentation: Augmentation
    strategy: Strategy
    postprocessors: tuple[PostProcessor, ...]


def compose(recipe: Recipe, screen: Screen, catalogue: Catalogue) -> Composition:
    """Build every component of a recipe for a screen; reads no pixel and writes nothing.

    Raises:
        InputError: the split or target does not fit the screen, an option does not fit the component, or the
            strategy wants views that the augmentation does not make.
        PluginError: a plugin's factory fails or returns the wrong thing.
    """
    parts = split(screen, recipe.data.split)
    # Classes, plate groups and conditions are those of all cell types, of which the recipe may learn from one.
    everything = encode_target(screen, recipe.data.target, recipe.data.roles, parts)
    target = restrict_target(everything, screen, recipe.data.cell_types)
    learned = np.flatnonzero(parts.holds("train") & (everything.codes >= 0))
    conditions = known_conditions(screen, learned) if recipe.data.condition else ()
    augmentation = build(catalogue, Kind.AUGMENTATION, recipe.augmentation)
    strategy = build(catalogue, Kind.STRATEGY, recipe.strategy)
    _require_views(recipe, strategy, augmentation, catalogue)
    return Composition(
        recipe=recipe,
        screen=screen,
        split=parts,
        target=target,
        conditions=conditions,
        design=_design(screen, learned, everything, recipe.design),
        student=compose_network(recipe, screen.channels, len(target.classes), len(conditions), catalogue),
        normalizer=build(catalogue, Kind.NORMALIZER, recipe.normalizer),
        augmentation=augmentation,
        strategy=strategy,
        postprocessors=compose_postprocessors(recipe, catalogue),
    )


def compose_network(
    recipe: Recipe, channels: tuple[str, ...], num_classes: int, num_conditions: int, catalogue: Catalogue
) -> Classifier:
    """Backbone and head at the start that the recipe's seed gives them; the head is told of the conditions."""
    with torch.random.fork_rng():
        torch.manual_seed(derive_seed(recipe.seed, "weights"))
        backbone = build(catalogue, Kind.BACKBONE, recipe.backbone, channels=channels)
        head = build(
            catalogue,
            Kind.HEAD,
            recipe.head,
            num_features=backbone.num_features + num_conditions,
            num_classes=num_classes,
        )
    return Classifier(backbone, head, num_classes, num_conditions)


def compose_postprocessors(recipe: Recipe, catalogue: Catalogue) -> tuple[PostProcessor, ...]:
    """The recipe's post-processors, in their order."""
    return tuple(build(catalogue, Kind.POSTPROCESSOR, reference) for reference in recipe.postprocessors)


def _design(screen: Screen, learned: NDArray[np.int64], target: Target, options: DesignOptions) -> PlateDesign:
    """The design that wells show which accuracy counts: controls may stand on every plate."""
    scored = learned[target.scored[learned]]
    codes = np.full(len(screen), NO_LABEL, dtype=np.int64)
    codes[scored] = target.codes[scored]
    return design_of(screen, codes, len(target.classes) - len(target.control_classes), options)


def _require_views(recipe: Recipe, strategy: Strategy, augmentation: Augmentation, catalogue: Catalogue) -> None:
    missing = [view for view in strategy.views.names if view not in augmentation.views]
    if missing:
        makers = _makers_of(strategy.views.names, catalogue)
        advice = f", say augmentation: {' or '.join(makers)}" if makers else ""
        raise InputError(
            f"strategy {recipe.strategy.name!r} learns from the view {' and '.join(missing)}, but augmentation "
            f"{recipe.augmentation.name!r} makes {', '.join(augmentation.views)}; change one of the two{advice}"
        )


def _makers_of(views: Iterable[str], catalogue: Catalogue) -> list[str]:
    """Names of the augmentations that make all these views without being told anything."""
    names = []
    for offer in catalogue.offers(Kind.AUGMENTATION):
        name = catalogue.canonical_name(offer)
        # One that needs options, or does not work, is no advice.
        with suppress(DeepnoiseError, ValidationError):
            made = build(catalogue, Kind.AUGMENTATION, ComponentReference(name=name, options={}))
            names += [name] if set(views) <= set(made.views) else []
    return names
