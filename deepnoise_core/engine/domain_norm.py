"""Batch norm with the statistics of each plate or experiment at hand, instead of those of training.

After AdaBN (Li et al. 2016, arXiv 1603.04779) and BEN (Lin & Lu 2022, doi 10.1101/2022.10.14.512286), from
controls alone after CS-ARM-BN (arXiv 2604.20824). Statistics are those of a whole domain, and not of whatever
batch an image comes in, so that neither order nor size of batches changes a prediction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from deepnoise_core.contracts import InferenceOptions, Level, ReferenceWells, Screen
from deepnoise_core.contracts.errors import ImageError, ModelError
from deepnoise_core.contracts.plan import BatchNormStatistics
from deepnoise_core.data.buckets import in_buckets, places
from deepnoise_core.data.names import some_of
from deepnoise_core.data.randomness import permutation
from deepnoise_core.data.statistics import Pools, SiteDomains, level_groups, pools_by_level, reference_sizes
from deepnoise_core.engine.batch_norm import batch_norm_layers
from deepnoise_core.engine.classifier import Classifier
from deepnoise_core.engine.inputs import Inputs

MOST_PIXELS = 128 * 512 * 512
"""Pixels of a channel that are shown at once: as many as of 128 sites of RxRx1, or of 8,192 sites of 64 px."""

_Moments = tuple[int, Tensor, Tensor]
"""Number, mean and variance of values, by channel."""
_LEVELS: dict[BatchNormStatistics, tuple[Level, ...]] = {
    "plate": ("plate", "experiment"),
    "experiment": ("experiment",),
}
_OF: dict[ReferenceWells, str] = {
    "all": "",
    "controls": "controls of ",
    "negative_controls": "negative controls of ",
}


@dataclass(frozen=True)
class DomainNorm:
    """The sites that tell the batch-norm statistics with which each site of a screen is predicted.

    Attributes:
        pools: by row of the screen; rows without a pool are predicted with the running statistics.
        notes: one line for each domain with too few sites of its own.
        transductive: what of the screen is used, e.g. `batch statistics of test plates`; empty where nothing is.
        most_pixels: most pixels, of a channel, that are shown at once while statistics are measured.
    """

    pools: Pools
    notes: tuple[str, ...]
    transductive: str
    most_pixels: int = MOST_PIXELS


def domain_norm(
    options: InferenceOptions, screen: Screen, network: nn.Module, part: str = "test"
) -> DomainNorm | None:
    """What the options ask for on a screen; None where they ask for the running statistics.

    Args:
        options: level, reference and smallest number of sites.
        screen: N sites, all of which tell statistics, whichever are predicted.
        network: has batch norm.
        part: what the plates are to the network, as recorded.

    Raises:
        ModelError: the network has no batch norm.
    """
    level = options.batch_norm
    if level == "running":
        return None
    if not batch_norm_layers(network):
        raise ModelError(
            f"inference.batch_norm: {level} needs a network with batch norm, and this one has none; set it to "
            "running, or choose another backbone"
        )
    domains, reference = SiteDomains.of(screen), options.batch_norm_reference
    pools = pools_by_level(domains, _LEVELS[level], reference, minimum=options.batch_norm_minimum)
    groups = level_groups(domains, level)
    sizes = reference_sizes(domains, groups, reference)
    short = [f"{groups.names[group]}: {sizes[group]}" for group in np.unique(groups.of_row[pools.of_row < 0])]
    notes = [f"batch norm: {note}" for note in pools.notes]
    if short:
        sites = {"all": "sites"}.get(reference, reference.replace("_", " "))
        notes.append(
            f"batch norm: fewer than {options.batch_norm_minimum} {sites} in {some_of(short, most=12)}; the "
            "running statistics of training are used"
        )
    uses = f"batch statistics of {_OF[reference]}{part} {level}s" if pools.sites else ""
    return DomainNorm(pools, tuple(notes), uses)


def portions_of(
    rows: NDArray[np.int64], norm: DomainNorm | None
) -> list[tuple[NDArray[np.int64] | None, range | NDArray[np.signedinteger[Any]]]]:
    """The sites that tell statistics, and the places of the rows to predict with them, pool by pool.

    Rows that are predicted with the running statistics, without such sites, come first.
    """
    if norm is None:
        return [(None, range(len(rows)))]
    pools, of_row = (None, *norm.pools.sites), norm.pools.of_row
    ordered, edges = in_buckets(places(len(rows)), lambda some: of_row[rows[some]] + 1, len(pools))
    portions = zip(pools, pairwise(edges), strict=True)
    return [(pool, ordered[start:stop]) for pool, (start, stop) in portions if start < stop]


def adapt(model: Classifier, inputs: Inputs, sites: NDArray[np.int64], *, most_pixels: int = MOST_PIXELS) -> None:
    """Set the statistics of every batch norm to those of what it is shown of these sites.

    Sites that fit `most_pixels` are shown at once, and the result is what training mode has for the whole
    domain. More are dealt to equal chunks, the same ones each time; a chunk is normalized by its own
    statistics, and those of all chunks are merged. That is exact for the first batch norm, and for the others
    as near as chunks are alike: with two chunks of 128 sites, logits of a DenseNet-121 were off by 0.6 % of
    their spread. Further passes with the merged statistics would be exact after as many as there are layers,
    but until then errors grow from layer to layer and from pass to pass.

    Args:
        model: in evaluation mode; images are shown as in evaluation, unturned.
        inputs: the path of the images.
        sites: rows of the screen, int64 [n]; their order does not matter.
        most_pixels: of a channel, at once.

    Raises:
        ImageError: none of the sites can be read.
    """
    height, width = (inputs.image_size,) * 2 if inputs.image_size else inputs.store.shape[1:]
    count = -(-len(sites) // max(most_pixels // (height * width), 1))
    mixed = np.sort(sites)[permutation(len(sites), seed=0, epoch=0, purpose="batch statistics")]
    shown: dict[_BatchNorm, list[_Moments]] = {}

    def look(layer: nn.Module, arguments: tuple[Any, ...]) -> None:
        assert isinstance(layer, _BatchNorm)  # noqa: S101 - hooked on nothing else
        values: Tensor = arguments[0].float()
        variance, mean = torch.var_mean(values, dim=[0, *range(2, values.ndim)], correction=0)
        shown.setdefault(layer, []).append((values.numel() // values.shape[1], mean, variance))
        _set_statistics(layer, mean, variance)

    layers = [layer for layer in batch_norm_layers(model) if layer.running_mean is not None]
    hooks = [layer.register_forward_pre_hook(look) for layer in layers]
    try:
        for rows, pixels in inputs.read_ahead(np.array_split(mixed, count)):
            if len(rows):
                model(*inputs.clean(pixels, rows))
    finally:
        for hook in hooks:
            hook.remove()
    if not shown:
        raise ImageError(f"none of {len(sites)} sites that tell batch-norm statistics can be read")
    for layer, moments in shown.items():
        _set_statistics(layer, *_merged(moments))


def _merged(moments: Sequence[_Moments]) -> tuple[Tensor, Tensor]:
    """Mean and variance of all values from those of parts (Chan et al. 1979), float64."""
    counts = torch.tensor([count for count, _, _ in moments], dtype=torch.float64)[:, None]
    means = torch.stack([mean for _, mean, _ in moments]).cpu().double()
    variances = torch.stack([variance for _, _, variance in moments]).cpu().double()
    shares = counts / counts.sum()
    mean = (shares * means).sum(dim=0)
    return mean, (shares * (variances + (means - mean).square())).sum(dim=0)


def _set_statistics(layer: _BatchNorm, mean: Tensor, variance: Tensor) -> None:
    assert layer.running_mean is not None  # noqa: S101 - chosen for it
    assert layer.running_var is not None  # noqa: S101 - goes with the mean
    layer.running_mean.copy_(mean)
    layer.running_var.copy_(variance)
