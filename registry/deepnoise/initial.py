"""Where a network starts, as its recipe says: at random, or with weights from a file, a run or the Hub."""

from __future__ import annotations

from pathlib import Path

import torch

from deepnoise.model import load_model
from deepnoise.pretrained import is_published, published_weights
from deepnoise_core.contracts.errors import ModelError
from deepnoise_core.data.randomness import derive_seed
from deepnoise_core.engine.initial import InitialWeights, read_initial, start_from
from deepnoise_registry.bundles import read_manifest
from deepnoise_registry.catalogue import Catalogue
from deepnoise_registry.compose import Composition
from deepnoise_registry.recipes.recipe import Recipe


def start_network(composition: Composition, catalogue: Catalogue) -> tuple[str, ...]:
    """Load the weights that the recipe names, if any, into the composed student.

    Returns:
        What was done, a line each; nothing where the recipe names no weights.

    Raises:
        ModelError: the weights cannot be read, or do not fit.
    """
    recipe = composition.recipe
    options = recipe.train.initial
    if options is None:
        return ()
    weights = (
        published_weights(options.weights, composition.student.backbone)
        if is_published(options.weights)
        else _read(Path(options.weights), catalogue)
    )
    if options.head == "keep" and weights.conditions != composition.conditions:
        raise ModelError(
            f"{weights.source}: its head is told of cell types {', '.join(weights.conditions) or '(none)'}, but "
            f"that of the recipe of {', '.join(composition.conditions) or '(none)'}; set train.initial.head: new"
        )
    with torch.random.fork_rng():
        torch.manual_seed(derive_seed(recipe.seed, "stem"))
        return start_from(
            composition.student, weights, options, composition.screen.channels, composition.target.classes
        )


def inherited_uses(recipe: Recipe) -> list[str]:
    """What the run or bundle that the recipe starts from was trained on transductively, which its weights keep.

    Raises:
        ModelError: the folder has no readable manifest.
    """
    options = recipe.train.initial
    if options is None or not Path(options.weights).is_dir():
        return []
    folder = Path(options.weights)
    inside = folder / "bundle"
    return list(read_manifest(inside if inside.is_dir() else folder).training["transductive"])


def _read(path: Path, catalogue: Catalogue) -> InitialWeights:
    if not path.is_dir():
        return read_initial(path)
    bundle = load_model(path, catalogue).bundle
    known = bundle.manifest
    return InitialWeights(path, bundle.network.state_dict(), known.channels, known.classes, known.conditions)
