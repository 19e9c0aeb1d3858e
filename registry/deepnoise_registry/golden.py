"""Golden tensors: a small input and what a network makes of it, kept with the network to be met again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl
import torch
from numpy.typing import DTypeLike, NDArray
from torch import Tensor

from deepnoise_core.contracts import Kind, Role, Screen
from deepnoise_core.contracts.errors import InputError, ModelError
from deepnoise_core.contracts.protocols import Normalizer
from deepnoise_core.data.randomness import sample_keys, uniforms
from deepnoise_core.data.sites import site_table
from deepnoise_core.data.statistics import site_statistics
from deepnoise_core.data.stores import ArrayStore
from deepnoise_core.engine.classifier import Classifier
from deepnoise_core.engine.devices import Hardware
from deepnoise_registry.building import build
from deepnoise_registry.catalogue import Catalogue
from deepnoise_registry.recipes.recipe import Recipe

TOLERANCES = {
    "cpu": {"fp32": 1e-4, "bf16": 1e-1, "fp16": 1e-2},
    "cuda": {"fp32": 1e-2, "bf16": 1e-1, "fp16": 1e-2},
    "mps": {"fp32": 1e-2, "bf16": 1e-1, "fp16": 1e-2},
}
"""Device → precision → largest difference, as a share of the largest expected number.

Half precision is allowed about four times the most that five families of networks differed by, which was
DenseNet-121's 2.0e-2 in bf16 and 2.6e-3 in fp16 on a CPU, 1.9e-2 and 2.4e-3 on an H200. CUDA multiplies in TF32
within convolutions: 1.5e-3 there, and 2.5e-6 without it. MPS is taken for CUDA's like, unmeasured.
"""

_SITES = 2
_SIDE = 64
"""Pixels: small enough for a quarter of a megabyte in all, large enough for most networks."""

_OUTPUTS = ("logits", "embedding")


@dataclass(frozen=True)
class Golden:
    """Tensors, and whether `input` was made by the normalizer.

    Attributes:
        tensors: `pixels` uint8 [n, C, H, W], `input` float32 [n, C, H, W] as the network gets it, `logits`
            float32 [n, K], `embedding` float32 [n, F]; `condition` float32 [n, T] where the network is told any.
        normalized: whether the recipe's normalizer, fitted on `pixels` as on one plate, makes `input` of them;
            some need more than two sites.
    """

    tensors: Mapping[str, Tensor]
    normalized: bool


def make_golden(
    network: Classifier,
    recipe: Recipe,
    channels: tuple[str, ...],
    shape: tuple[int, int],
    catalogue: Catalogue,
    hardware: Hardware,
) -> Golden:
    """Golden tensors of a network; the same for the same weights and recipe.

    Args:
        network: in evaluation mode.
        recipe: names the normalizer.
        channels: names of the C channels.
        shape: height and width that the network was trained on; networks that take no smaller ones get these.
        catalogue: where the normalizer is found.
        hardware: where it is run.
    """
    small = min(shape[0], _SIDE), min(shape[1], _SIDE)
    try:
        return _made(network, recipe, channels, small, catalogue, hardware)
    except Exception:  # networks say in many ways that they take one size alone
        if small == shape:
            raise
        return _made(network, recipe, channels, shape, catalogue, hardware)


def outputs_of(network: Classifier, tensors: Mapping[str, Tensor], hardware: Hardware) -> dict[str, Tensor]:
    """`logits` and `embedding` that a network makes of golden `input`, float32 on the CPU."""
    placed = hardware.placed(network)
    images = tensors["input"].to(hardware.device).contiguous(memory_format=torch.channels_last)
    condition = tensors.get("condition")
    with torch.inference_mode(), hardware.autocast():
        features = placed.embed(images).float()
        told = None if condition is None else condition.to(hardware.device)
        logits = placed.score(features, told).float()
    return {"logits": logits.cpu(), "embedding": features.cpu()}


def normalized_pixels(pixels: Tensor, recipe: Recipe, channels: tuple[str, ...], catalogue: Catalogue) -> Tensor:
    """What the recipe's normalizer makes of images [n, C, H, W], fitted on them as on one plate, float32.

    Raises:
        InputError: it needs more than these to be fitted.
    """
    normalizer: Normalizer = build(catalogue, Kind.NORMALIZER, recipe.normalizer)
    if normalizer.needs:
        normalizer.fit(site_statistics(screen_of(pixels.numpy(), channels), measures=normalizer.needs))
    return normalizer(pixels, torch.arange(len(pixels)))


def difference(found: Tensor, expected: Tensor) -> float:
    """Largest difference, as a share of the largest expected number; infinite where one is no number."""
    scale = max(float(expected.abs().max()), torch.finfo(torch.float32).tiny)
    share = float((found - expected).abs().max()) / scale
    return share if share == share else float("inf")


def seeded_pixels(
    count: int, channels: int, shape: tuple[int, int], dtype: DTypeLike = np.uint8
) -> NDArray[np.unsignedinteger]:
    """Noise that is the same everywhere, [n, C, H, W]; site i is the same however many there are.

    Level and contrast differ by site and channel, as those of plates do.
    """
    levels = 2 * channels
    drawn = uniforms(sample_keys(0, 0, np.arange(count), "golden"), levels + channels * shape[0] * shape[1])
    low, span = (0.05 + 0.25 * drawn[:, :levels]).reshape(count, 2, channels, 1, 1).swapaxes(0, 1)
    noise = drawn[:, levels:].reshape(count, channels, *shape)
    pixels: NDArray[np.unsignedinteger] = ((low + span * noise) * np.iinfo(dtype).max).astype(dtype)
    return pixels


def screen_of(pixels: NDArray[np.unsignedinteger], channels: tuple[str, ...], *, apart: bool = False) -> Screen:
    """A screen of images [n, C, H, W], a well each.

    They are wells of one plate, the first of them a negative control, the others treatments; or, where they are
    `apart`, controls of a plate, an experiment and a cell type each.
    """
    numbers = range(len(pixels))
    experiments = [f"golden{number}" if apart else "golden" for number in numbers]
    control, treatment = Role.NEGATIVE_CONTROL.value, Role.TREATMENT.value
    table = pl.DataFrame(
        {
            "experiment": experiments,
            "plate": "1",
            "well": [f"A{number + 1:02}" for number in numbers],
            "site": 1,
            "cell_type": experiments if apart else "unknown",
            "role": [control if apart or not number else treatment for number in numbers],
        }
    )
    return Screen(site_table(table, "golden"), channels, ArrayStore(pixels), "golden tensors")


def require_golden(tensors: Mapping[str, Tensor], classes: int, channels: int) -> None:
    """Refuse golden tensors that are not what `Golden` says.

    Raises:
        ModelError: one is missing or has another shape or type.
    """
    lacks = [name for name in ("pixels", "input", *_OUTPUTS) if name not in tensors]
    if lacks:
        raise ModelError(f"the golden tensors lack {', '.join(lacks)}")
    pixels, images, logits = tensors["pixels"], tensors["input"], tensors["logits"]
    sites = len(images) if images.ndim == 4 else 0
    if (
        not sites
        or images.shape[1] != channels
        or pixels.shape != images.shape
        or pixels.dtype != torch.uint8
        or any(tensors[name].dtype != torch.float32 for name in ("input", *_OUTPUTS))
        or tuple(logits.shape) != (sites, classes)
    ):
        shapes = ", ".join(f"{name} {tensor.dtype} {list(tensor.shape)}" for name, tensor in tensors.items())
        raise ModelError(f"the golden tensors do not go with {channels} channels and {classes} classes: {shapes}")


def _made(
    network: Classifier,
    recipe: Recipe,
    channels: tuple[str, ...],
    shape: tuple[int, int],
    catalogue: Catalogue,
    hardware: Hardware,
) -> Golden:
    pixels = torch.from_numpy(seeded_pixels(_SITES, len(channels), shape))
    tensors = {"pixels": pixels}
    try:
        tensors["input"] = normalized_pixels(pixels, recipe, channels, catalogue).contiguous()
        normalized = True
    except InputError:
        tensors["input"] = (pixels.float() - 128) / 64
        normalized = False
    if network.num_conditions:
        tensors["condition"] = torch.eye(network.num_conditions)[torch.arange(_SITES) % network.num_conditions]
    return Golden({**tensors, **outputs_of(network, tensors, hardware)}, normalized)
