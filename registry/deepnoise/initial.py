"""Where a network starts, as its recipe says: at random, or with weights from a file, a run or the Hub."""

from __future__ import annotations

from pathlib import Path

import torch

from deepnoise.model import bundle_folder, load_model
from deepnoise.pretrained import is_published, published_weights
from deepnoise.zoo import is_builtin
from deepnoise_core.contracts.errors import ModelError
from deepnoise_core.data.randomness import derive_seed
from deepnoise_core.engine.initial import InitialWeights, read_initial, start_from
from deepnoise_core.engine.observation import Observer, Silent
from deepnoise_registry.bundles import read_manifest
from deepnoise_registry.catalogue import Catalogue
from deepnoise_registry.compose import Composition
from deepnoise_registry.hub.client import fetch_if_bundle
from deepnoise_registry.hub.reference import SCHEME, is_on_hub, parse_reference
from deepnoise_registry.recipes.recipe import Recipe


def start_network(
    composition: Composition, catalogue: Catalogue, observer: Observer | None = None
) -> tuple[str, ...]:
    """Load the weights that the recipe names, if any, into the composed student.

    Returns:
        What was done, a line each; nothing where the recipe names no weights.

    Raises:
        ModelError: the weights cannot be read, or do not fit.
        HubError: the Hub does not give them.
    """
    recipe = composition.recipe
    options = recipe.train.initial
    if options is None:
        return ()
    place, observer = options.weights, observer or Silent()
    if (folder := _bundle(place, observer)) is not None:
        weights = _of_bundle(place, folder, catalogue)
    elif is_published(place):
        weights = published_weights(place, composition.student.backbone, observer)
    else:
        weights = read_initial(Path(place))
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
    folder = None if options is None else _bundle(options.weights, Silent())
    return [] if folder is None else list(read_manifest(folder).training["transductive"])


def _bundle(place: str, observer: Observer) -> Path | None:
    """The folder of the bundle that a word names, pulled where it is on the Hub; None of weights alone.

    On the Hub bundles and timm's repositories are called alike, so what the repository holds decides.
    """
    if is_on_hub(place):
        return fetch_if_bundle(place, observer=observer)
    if is_published(place) or not (is_builtin(place) or Path(place).is_dir()):
        return None
    return bundle_folder(place)


def _of_bundle(place: str, folder: Path, catalogue: Catalogue) -> InitialWeights:
    bundle = load_model(folder, catalogue).bundle
    known = bundle.manifest
    source = f"{SCHEME}{parse_reference(place).repo}@{folder.name}" if is_on_hub(place) else place
    return InitialWeights(source, bundle.network.state_dict(), known.channels, known.classes, known.conditions)
