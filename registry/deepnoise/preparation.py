"""All that a pass of a trained network over sites of a screen needs."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from deepnoise.pixels import fitted_inputs
from deepnoise_core.contracts import Kind, Screen
from deepnoise_core.contracts.errors import ModelError
from deepnoise_core.contracts.plan import BadImages
from deepnoise_core.contracts.protocols import Normalizer
from deepnoise_core.data.channels import in_channel_order
from deepnoise_core.data.conditions import encode_conditions
from deepnoise_core.engine.classifier import Classifier
from deepnoise_core.engine.devices import DeviceName, Hardware, pick_hardware
from deepnoise_core.engine.domain_norm import DomainNorm, domain_norm
from deepnoise_core.engine.inputs import Inputs
from deepnoise_core.engine.observation import Observer
from deepnoise_registry.building import build
from deepnoise_registry.bundles import Bundle
from deepnoise_registry.catalogue import Catalogue
from deepnoise_registry.manifest import MANIFEST, read_manifest


@dataclass(frozen=True)
class Prepared:
    """A network in place before the sites that it is to see.

    Attributes:
        screen: the experiments of the sites, whole, with the network's channels in its order.
        rows: the sites, rows of `screen`, int64 [n].
        inputs: the path of their images, through the normalizer fitted on all of `screen`.
        network: on its device.
        norm: with which batch-norm statistics; those of training where None.
        hardware: device and precision.
        transductive: what of `screen` is used beyond each image itself.
        notes: one line for each thing that a reader of the result must know.
    """

    screen: Screen
    rows: NDArray[np.int64]
    inputs: Inputs
    network: Classifier
    norm: DomainNorm | None
    hardware: Hardware
    transductive: tuple[str, ...]
    notes: tuple[str, ...]


def prepare(
    bundle: Bundle,
    catalogue: Catalogue,
    screen: Screen,
    wanted: NDArray[np.bool_],
    *,
    device: DeviceName,
    bad_images: BadImages | None,
    observer: Observer,
) -> Prepared:
    """Fit the normalizer on the experiments of the wanted sites, and place the network.

    Args:
        bundle: the trained network and its recipe.
        catalogue: where the normalizer is found.
        screen: N sites; its channels must be the network's, in any order.
        wanted: the sites to see, bool [N], at least one.
        device: `auto`, `cpu`, `cuda` or `mps`.
        bad_images: `error` or `skip`; as the recipe says where None.
        observer: is told of progress.

    Raises:
        ModelError: the screen's channels are not the network's.
        ScreenError: a site's cell type is none of those that the network is told of, where it is.
        ImageError: a site cannot be read, or with `skip` too many of them.
    """
    screen, matched = matched_channels(bundle, screen)
    recipe = bundle.recipe
    options = recipe.data.model_copy(update={"bad_images": bad_images or recipe.data.bad_images})
    hardware = pick_hardware(device, recipe.train.precision)
    needed = whole_experiments(screen, wanted)
    if not needed.all():  # A table of millions of sites is not copied without need.
        screen, wanted = screen.take(np.flatnonzero(needed)), wanted[needed]
    rows = np.flatnonzero(wanted)
    conditions = encode_conditions(screen, bundle.manifest.conditions, wanted)
    observer.note(f"predicting {len(rows):,} sites on {hardware}")
    normalizer: Normalizer = build(catalogue, Kind.NORMALIZER, recipe.normalizer)
    screen, inputs = fitted_inputs(screen, normalizer, options, hardware.device, observer)
    network = hardware.placed(bundle.network)
    norm = domain_norm(recipe.inference, screen, network)
    return Prepared(
        screen=screen,
        rows=rows,
        inputs=replace(inputs, conditions=conditions),
        network=network,
        norm=norm,
        hardware=hardware,
        transductive=tuple(filter(None, (normalizer.transductive, norm.transductive if norm else ""))),
        notes=(*bundle.notes, *matched, *normalizer.notes, *(norm.notes if norm else ())),
    )


def whole_experiments(screen: Screen, wanted: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The sites of the experiments that hold wanted ones, bool [N]; normalizers see no less than those."""
    experiments = screen.sites["experiment"]
    found: NDArray[np.bool_] = experiments.is_in(experiments.filter(wanted).unique().implode()).to_numpy()
    return found


def matched_channels(bundle: Bundle, screen: Screen) -> tuple[Screen, tuple[str, ...]]:
    """The screen with its channels in the network's order, and a note where that is another order than its own.

    Raises:
        ModelError: a channel is missing or too many; says which models beside this one read what the screen has.
    """
    wanted, found = bundle.manifest.channels, screen.channels
    if sorted(wanted) == sorted(found):
        if wanted == found:
            return screen, ()
        note = f"channels were matched by name: the screen has {', '.join(found)}, the model {', '.join(wanted)}"
        return in_channel_order(screen, wanted), (note,)
    faults = [
        f"{word} {', '.join(names)}"
        for word, names in (
            ("lacks", [name for name in wanted if name not in found]),
            ("has besides", [name for name in found if name not in wanted]),
        )
        if names
    ]
    fitting = models_beside(bundle.path, found)
    advice = (
        f"{' and '.join(map(str, fitting))} would fit"
        if fitting
        else "name the screen's channels as the model does (the readers table and file-names take them as "
        "channels), or train a model of this screen"
    )
    raise ModelError(
        f"{screen.source}: the model {bundle.manifest.name!r} reads the channels {', '.join(wanted)}, but the "
        f"screen {' and '.join(faults)}; {advice}"
    )


def models_beside(bundle: Path, channels: tuple[str, ...]) -> list[Path]:
    """The runs and bundles in the folder of a run or bundle that read exactly these channels, in any order."""
    own = bundle.resolve()
    model = own.parent if own.name == "bundle" else own
    fitting = []
    for file in sorted({*model.parent.glob(f"*/{MANIFEST}"), *model.parent.glob(f"*/bundle/{MANIFEST}")}):
        # A folder beside this one may hold anything, a pack for one, which has a manifest too.
        with suppress(ModelError):
            if sorted(read_manifest(file.parent).channels) == sorted(channels):
                fitting.append(file.parent.parent if file.parent.name == "bundle" else file.parent)
    return fitting
