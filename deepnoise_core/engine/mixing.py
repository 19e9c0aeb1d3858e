"""CutMix and MixUp: two images as one, with the targets of both."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import betaincinv
from torch import Tensor

from deepnoise_core.contracts import MixingOptions, Targets, View
from deepnoise_core.data.randomness import permutation, sample_keys, uniforms
from deepnoise_core.engine.boxes import Boxes
from deepnoise_core.engine.transfer import sent


def mixed(view: View, targets: Targets, options: MixingOptions, seed: int) -> tuple[View, Targets]:
    """Each image with another of the batch; conditions and targets are mixed in the same shares.

    CutMix (Yun et al. 2019, arXiv 1905.04899) pastes a box of the other image, and counts the pixels that it
    covers after rounding and at the border. MixUp (Zhang et al. 2018, arXiv 1710.09412) takes a weighted mean.

    Args:
        view: of B images.
        targets: of the same images, M classes each.
        options: how.
        seed: all randomness follows from it.

    Returns:
        The mixed view, and targets of 2M classes: each image's own, and those of the other one. Both are the very
        ones that were given where no image of the batch is mixed.
    """
    if options.name == "none":
        return view, targets
    size = len(view.images)
    keys = sample_keys(seed, 0, np.arange(size), "mixing")
    draws = uniforms(keys[:1].repeat(size) if options.per == "batch" else keys, 4)
    chosen = draws[:, 0] < options.probability
    if not chosen.any():
        return view, targets
    other = sent(permutation(size, seed, 0, "partner"), view.images.device)
    kept = np.where(chosen, betaincinv(options.alpha, options.alpha, draws[:, 1]), 1.0)
    if options.name == "mixup":
        images = _mean(view.images, view.images[other], kept)
    else:
        boxes = _boxes(view.images.shape[-2:], kept, draws[:, 2:])
        images = torch.where(boxes.mask(view.images), view.images[other], view.images)
        kept = 1.0 - boxes.height * boxes.width / images[0, 0].numel()
    told = view.condition
    condition = None if told is None else _mean(told, told[other], kept)
    classes = torch.cat([targets.classes, targets.classes[other]], dim=1)
    weights = [_column(kept, targets.weights) * targets.weights]
    weights.append(_column(1.0 - kept, targets.weights) * targets.weights[other])
    return View(images, condition), Targets(classes, torch.cat(weights, dim=1), targets.smoothing)


def _boxes(size: torch.Size, kept: NDArray[np.float64], draws: NDArray[np.float64]) -> Boxes:
    """Boxes of the image's shape around any of its pixels, that leave the share `kept` but for the border."""
    sides = np.array(size)
    half = (np.sqrt(1.0 - kept)[:, None] * sides).astype(np.int64) // 2
    centre = (draws * sides).astype(np.int64)
    first, last = np.maximum(centre - half, 0), np.minimum(centre + half, sides)
    (top, left), (height, width) = first.T, (last - first).T
    return Boxes(top, left, height, width)


def _mean(values: Tensor, others: Tensor, kept: NDArray[np.float64]) -> Tensor:
    return _column(kept, values) * values + _column(1.0 - kept, values) * others


def _column(shares: NDArray[np.float64], values: Tensor) -> Tensor:
    return sent(shares, values.device, values.dtype).reshape(-1, *[1] * (values.ndim - 1))
