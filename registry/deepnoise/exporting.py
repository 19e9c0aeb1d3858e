"""A bundle as one program that runs without deepnoise, proven equal to the model before it is written."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal, cast, get_args

import numpy as np
import torch
from torch import Tensor

from deepnoise.model import Model
from deepnoise.program_formats import FORMATS
from deepnoise_core.contracts import Kind, Screen
from deepnoise_core.contracts.errors import InputError, ModelError
from deepnoise_core.contracts.protocols import Arithmetic, Normalizer, PortableNormalizer
from deepnoise_core.data.files import refuse_taken_file, replace_file
from deepnoise_core.data.statistics import site_statistics
from deepnoise_core.engine.classifier import Classifier
from deepnoise_core.engine.devices import DeviceName, pick_hardware
from deepnoise_core.engine.inputs import Inputs
from deepnoise_core.engine.program import Program
from deepnoise_core.engine.weights import load_weights
from deepnoise_registry.building import build
from deepnoise_registry.golden import screen_of, seeded_pixels
from deepnoise_registry.manifest import GOLDEN

ProgramFormat = Literal["pt2", "onnx"]
Pixels = Literal["uint8", "uint16"]

TOLERANCE = 1e-5
"""Largest difference from the model, as a share of its largest output where that is above 1."""

_REFERENCE_SITES = 256
"""How often each probed site counts in the fit: more than any normalizer's smallest number of sites."""


@dataclass(frozen=True)
class Exported:
    """A program that was written.

    Attributes:
        path: the file.
        interface: what the file says of its inputs and outputs, in JSON types.
        difference: largest difference from the model that was found, as `TOLERANCE` counts it.
    """

    path: Path
    interface: dict[str, Any]
    difference: float


@dataclass(frozen=True)
class _Probe:
    """Raw images with all that a program is given, and what the model says of them."""

    given: tuple[Tensor, ...]
    expected: tuple[Tensor, Tensor]


def export_model(
    model: Model,
    out: Path,
    to: ProgramFormat,
    *,
    pixels: Pixels = "uint8",
    device: DeviceName = "cpu",
) -> Exported:
    """Write a model as one program from raw pixels and the statistics of normalization to logits and embeddings.

    The finished file is run in memory, and compared with the model on batches of 1 and 3 images, where height and
    width are free on another size, and for 8-bit images on the golden ones. It is only written where all agree.

    Args:
        model: is left as it is.
        out: file to write; must not exist yet.
        to: `pt2` or `onnx`.
        pixels: type of the program's images.
        device: where a `pt2` program runs; `cpu` for `onnx`, which runs where its runtime puts it.

    Raises:
        ModelError: normalizer or batch norm need more than statistics of channels, PyTorch cannot export the
            network, or the program differs from the model.
        InputError: the extra `onnx` is not installed, or the device is not there.
        OutputError: the file exists, or cannot be written.
    """
    refuse_taken_file(out, "a program")
    if out.suffix != f".{to}":
        raise InputError(f"{out}: name it {out.stem}.{to}, by which other programs know what it is")
    if to == "onnx" and device != "cpu":
        raise InputError(
            f"--device {device}: an onnx program runs where its runtime puts it, and is checked on the CPU; "
            "leave --device out"
        )
    written = FORMATS[to]
    written.require()
    name, recipe = model.bundle.manifest.name, model.recipe
    normalizer: Normalizer = build(model.catalogue, Kind.NORMALIZER, recipe.normalizer)
    if not isinstance(normalizer, PortableNormalizer):
        raise ModelError(
            f"{name}: normalizer {recipe.normalizer.name!r} needs more than statistics of channels, and cannot "
            "be exported; predict with deepnoise, or train with another, such as z-score"
        )
    if recipe.inference.batch_norm != "running":
        raise ModelError(
            f"{name}: inference.batch_norm: {recipe.inference.batch_norm} looks at whole plates, and cannot be "
            "exported; predict with deepnoise, or train with inference.batch_norm=running"
        )
    hardware = pick_hardware(device, "fp32")
    arithmetic = normalizer.arithmetic()
    network = hardware.placed(_apart(model.bundle.network))
    program = Program(network, arithmetic.module, recipe.data.image_size).eval()
    size, channels = model.bundle.manifest.image_shape, model.bundle.manifest.channels
    example = screen_of(seeded_pixels(2, len(channels), size, pixels), channels, apart=True)
    with _full_precision():
        traced, free = _traced(program, _probe(model, network, normalizer, example).given, name)
        interface = _interface(model, arithmetic, pixels, free_size=free)
        content = written.content(traced, interface)
        run = written.opened(content)
        screens = _screens(model, pixels, size, free_size=free)
        probes = (_probe(model, network, normalizer, screen) for screen in screens)
        difference = max(_difference(run(one.given), one.expected) for one in probes)
    if not difference <= TOLERANCE:
        raise ModelError(
            f"{name}: the {to} program differs from the model by {difference:.1e} of its largest output, more "
            f"than {TOLERANCE:g}; nothing was written, so try the other format"
        )
    replace_file(out, content)
    return Exported(out, interface, difference)


def program_format(word: str) -> ProgramFormat:
    """The format that a word names; an InputError where it names none."""
    return cast(ProgramFormat, _one_of(word, "--to", get_args(ProgramFormat)))


def pixel_type(word: str) -> Pixels:
    """The type of pixels that a word names; an InputError where it names none."""
    return cast(Pixels, _one_of(word, "--pixels", get_args(Pixels)))


def _one_of(word: str, option: str, words: Sequence[str]) -> str:
    if word not in words:
        raise InputError(f"{option}: {word!r} is none of {', '.join(words)}")
    return word


def _full_precision() -> AbstractContextManager[None]:
    """Without TF32, by which a GPU's convolutions of another order differ by more than `TOLERANCE`."""
    return torch.backends.cudnn.flags(enabled=torch.backends.cudnn.enabled, allow_tf32=False)


def _apart(network: Classifier) -> Classifier:
    """A copy without gradients, whose tensors share no memory: torch.export keeps both as it finds them."""
    copied = copy.deepcopy(network).requires_grad_(requires_grad=False)
    for tensor in (*copied.parameters(), *copied.buffers()):
        tensor.data = tensor.data.clone()
    return copied


def _traced(program: Program, given: tuple[Tensor, ...], name: str) -> tuple[torch.export.ExportedProgram, bool]:
    """The traced program, its batch free; and height and width too, unless the network wants them as they are."""
    dynamic, rest = torch.export.Dim.DYNAMIC, tuple({0: torch.export.Dim.DYNAMIC} for _ in given[1:])
    shapes: tuple[dict[int, Any], ...] = ({0: dynamic, 2: dynamic, 3: dynamic}, {0: dynamic})
    failure: Exception | None = None
    for images in shapes:
        try:
            with torch.no_grad():
                made = torch.export.export(
                    program, given, dynamic_shapes={"pixels": images, "given": rest}, strict=False
                )
        except Exception as error:  # noqa: BLE001 - torch.export raises whatever a network's code raises
            failure = error
        else:
            return made, len(images) > 1
    reason = next(iter(str(failure).splitlines()), "") or type(failure).__name__
    raise ModelError(f"{name}: PyTorch cannot export this network: {reason}") from failure


def _interface(model: Model, arithmetic: Arithmetic, pixels: Pixels, *, free_size: bool) -> dict[str, Any]:
    """What a user of the program must know, in JSON types."""
    manifest, recipe, network = model.bundle.manifest, model.recipe, model.bundle.network
    channels, size = len(manifest.channels), ["height", "width"] if free_size else [*manifest.image_shape]
    scale = recipe.normalizer.options
    where = f"over its {scale.get('level', 'screen')}, reference {scale.get('reference', 'all')}"
    inputs = [
        {
            "name": "pixels",
            "dtype": pixels,
            "shape": ["batch", channels, *size],
            "meaning": f"raw images, channels in this order: {', '.join(manifest.channels)}",
        }
    ]
    inputs += [
        {"name": name, "dtype": "float64", "shape": ["batch", channels], "meaning": f"{what}, {where}"}
        for name, what in arithmetic.statistics.items()
    ]
    if network.num_conditions:
        told = f"1 for the cell type of the image, else 0: {', '.join(manifest.conditions)}"
        shape = ["batch", network.num_conditions]
        inputs.append({"name": "condition", "dtype": "float32", "shape": shape, "meaning": told})
    outputs = [
        (
            "logits",
            network.num_classes,
            "scores of the classes, in their order; average them over sites of a well",
        ),
        ("embeddings", network.num_features, "features of each image"),
    ]
    return {
        "made_by": f"deepnoise {version('deepnoise')}",
        "provenance": {
            key: model.provenance()[key] for key in ("model", "model_sha256", "weights_sha256", "recipe_sha256")
        },
        "inputs": inputs,
        "outputs": [
            {"name": name, "dtype": "float32", "shape": ["batch", width], "meaning": what}
            for name, width, what in outputs
        ],
        "channels": list(manifest.channels),
        "classes": list(manifest.classes),
        "control_classes": list(manifest.control_classes),
        "temperature": manifest.temperature,
        "normalizer": recipe.normalizer.model_dump(mode="json"),
        "resized_to": recipe.data.image_size,
        "not_included": {
            "test_time_views": recipe.inference.tta,
            "postprocessors": [one.name for one in recipe.postprocessors],
        },
    }


def _screens(model: Model, pixels: Pixels, size: tuple[int, int], *, free_size: bool) -> Iterator[Screen]:
    """What a program is compared on: batches of 1 and 3, another size, and the bundle's own golden images."""
    manifest = model.bundle.manifest
    shapes = [(1, size), (3, size)] + ([(2, (size[0] + 32, size[1] + 64))] if free_size else [])
    for count, shape in shapes:
        noise = seeded_pixels(count, len(manifest.channels), shape, pixels)
        yield screen_of(noise, manifest.channels, apart=True)
    if manifest.golden is not None and pixels == "uint8":
        golden = load_weights(model.bundle.path / GOLDEN, manifest.sha256[GOLDEN])["pixels"].numpy()
        if free_size or golden.shape[2:] == size:
            yield screen_of(golden, manifest.channels)


def _probe(model: Model, network: Classifier, normalizer: Normalizer, screen: Screen) -> _Probe:
    """Images of a screen, and what the model says of them on deepnoise's own path."""
    assert isinstance(normalizer, PortableNormalizer)  # noqa: S101 - others were refused before
    rows, width, device = np.arange(len(screen)), network.num_conditions, next(network.parameters()).device
    fitted = rows * _REFERENCE_SITES
    if normalizer.needs:
        repeated = np.repeat(rows, _REFERENCE_SITES)
        normalizer.fit(site_statistics(screen, measures=normalizer.needs).take(repeated))
    conditions = np.eye(width, dtype=np.float32)[rows % width] if width else None
    raw = screen.store.read(rows)
    inputs = Inputs(screen.store, normalizer, device, model.recipe.data.image_size, fitted, conditions)
    with torch.inference_mode():
        view = inputs.clean(raw, rows)
        embeddings = network.embed(view.images)
        expected = network.score(embeddings, view.condition), embeddings
    wide = raw if raw.dtype == np.uint8 else raw.astype(np.int32)
    statistics = normalizer.statistics_of(torch.from_numpy(wide), torch.from_numpy(fitted))
    given = [torch.from_numpy(raw), *map(torch.from_numpy, statistics)]
    given += [torch.from_numpy(conditions)] if conditions is not None else []
    return _Probe(tuple(one.to(device) for one in given), expected)


def _difference(made: Sequence[Tensor], expected: Sequence[Tensor]) -> float:
    """Largest difference of any output, as a share of the largest expected one where that is above 1."""
    shares = [
        (one.cpu() - other.cpu()).abs().max() / other.cpu().abs().max().clamp(min=1)
        for one, other in zip(made, expected, strict=True)
    ]
    return float(torch.stack(shares).max())
