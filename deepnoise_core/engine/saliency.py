"""Which channel, and which part of the image, a network's answer rests on.

Occlusion after Zeiler & Fergus 2014 (arXiv 1311.2901), of patches and of whole channels; Grad-CAM after Selvaraju
et al. 2017 (arXiv 1610.02391).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from deepnoise_core.contracts import Scored, Targets, TestTimeViews, View
from deepnoise_core.contracts.errors import ImageError, ModelError
from deepnoise_core.data.scores import best_class, log_probabilities
from deepnoise_core.engine.classifier import Classifier
from deepnoise_core.engine.domain_norm import DomainNorm
from deepnoise_core.engine.inputs import Inputs
from deepnoise_core.engine.prediction import predict_rows


@dataclass(frozen=True)
class Occlusion:
    """What a network says of sites, and what it says of them without each channel.

    Attributes:
        rows: rows of the screen, int64 [n]; those that were asked for, without the ones that are left out.
        logits: float32 [n, K].
        without: logits without each of C channels, float32 [n, C, K].
    """

    rows: NDArray[np.int64]
    logits: NDArray[np.float32]
    without: NDArray[np.float32]


class Loss(NamedTuple):
    """What rows lose with each channel.

    Attributes:
        label: best class of each row with all channels, `UNASSIGNED` where it has none, int64 [n].
        fall: by how many nats the log-probability of that class falls without each channel, float64 [n, C]; below
            0 where the network is surer without it, NaN where a row has no class.
        changed: whether another class is best without each channel, bool [n, C].
    """

    label: NDArray[np.int64]
    fall: NDArray[np.float64]
    changed: NDArray[np.bool_]


class Heat(NamedTuple):
    """Grad-CAM maps.

    Attributes:
        maps: float32 [B, H, W] at the size of the images, 0 or more, in units of the logit's change; comparable
            within an image, not between classes or networks.
        layer: name of the module whose map they are made of.
        places: height and width of that map.
    """

    maps: Tensor
    layer: str
    places: tuple[int, int]


@torch.inference_mode()
def channel_means(inputs: Inputs, rows: NDArray[np.int64], *, batch_size: int = 128) -> NDArray[np.float32]:
    """Mean of each channel over whole normalized sites, float32 [C], at most a batch of them, evenly spaced.

    Raises:
        ImageError: none of the sites can be read.
    """
    looked = np.sort(rows)[:: max(1, -(-len(rows) // batch_size))]
    for found, pixels in inputs.read_ahead([looked]):
        if len(found):
            means = inputs.clean(pixels, found).images.float().mean(dim=(0, 2, 3))
            return cast(NDArray[np.float32], means.cpu().numpy())
    raise ImageError(f"none of {len(rows)} sites can be read")


def occlusion(
    model: Classifier,
    inputs: Inputs,
    rows: NDArray[np.int64],
    *,
    fill: NDArray[np.float32],
    tta: TestTimeViews = "none",
    norm: DomainNorm | None = None,
    batch_size: int = 128,
    on_batch: Callable[[int], None] | None = None,
) -> Occlusion:
    """Predict sites with all channels, and with each channel replaced by a constant, from one reading of them.

    Batch-norm statistics of the plates at hand, where there are any, are those of the whole images.

    Args:
        model: left in the mode it was in.
        inputs: the path of the images.
        rows: rows of the screen, int64 [n].
        fill: the constants, in units of normalized images, [C]: see `channel_means`.
        tta: over which copies of each image logits are averaged.
        norm: with which batch-norm statistics; those of training where None.
        batch_size: sites a forward pass.
        on_batch: called with the number of sites of each finished batch.
    """
    each = _EachChannel(model, torch.from_numpy(fill).to(inputs.device))
    outputs = predict_rows(each, inputs, rows, tta=tta, norm=norm, batch_size=batch_size, on_batch=on_batch)
    logits = outputs.logits.reshape(len(outputs.rows), len(fill) + 1, model.num_classes)
    return Occlusion(outputs.rows, logits[:, 0], logits[:, 1:])


def loss_by_channel(
    scores: NDArray[np.float32], without: NDArray[np.float32], temperature: float | None = None
) -> Loss:
    """What rows lose with each channel: of sites, or of wells whose sites' logits are averaged beforehand.

    Args:
        scores: logits with all channels, [n, K].
        without: logits without each channel, [n, C, K].
        temperature: of the logits; 1 where None.
    """
    label = best_class(scores)
    named = label >= 0
    rows, channels, classes = without.shape
    with_all = log_probabilities(scores, temperature)
    with_less = log_probabilities(without.reshape(-1, classes), temperature).reshape(without.shape)
    fall = np.full((rows, channels), np.nan)
    place, best = np.flatnonzero(named), label[named]
    fall[named] = with_all[place, best][:, None] - with_less[place, :, best]
    found = best_class(without.reshape(-1, classes)).reshape(rows, channels)
    return Loss(label, fall, found != label[:, None])


def grad_cam(model: Classifier, view: View, classes: Tensor | None = None) -> Heat:
    """Where the evidence for a class lies: the last feature map, weighted by the gradient of the class's logit.

    Runs in evaluation mode and in the precision of the images; parameters get no gradients.

    Args:
        model: left in the mode it was in.
        view: normalized images [B, C, H, W] and what the head is told.
        classes: int64 [B]; the best class of each image where None.

    Raises:
        ModelError: the features of the backbone are not pooled from a map [B, C, h, w] of more than one place.
    """
    was_training = model.training
    model.eval()
    try:
        with torch.enable_grad():
            # Even a frozen network is differentiated then.
            images = view.images.detach().clone().requires_grad_()
            features, (layer, feature_map) = _with_last_map(model.backbone, images)
            logits = model.score(features, view.condition)
            best = logits.argmax(dim=1) if classes is None else classes
            evidence = logits.gather(1, best[:, None]).sum()
            (gradient,) = torch.autograd.grad(evidence, feature_map)
    finally:
        model.train(was_training)
    weights = gradient.float().mean(dim=(2, 3), keepdim=True)
    heat = F.relu((weights * feature_map.detach().float()).sum(dim=1, keepdim=True))
    maps = F.interpolate(heat, size=images.shape[-2:], mode="bilinear", align_corners=False)
    return Heat(maps[:, 0], layer, (feature_map.shape[2], feature_map.shape[3]))


@torch.inference_mode()
def patch_occlusion(
    model: Classifier, view: View, fill: NDArray[np.float32], classes: Tensor | None = None, *, patches: int = 8
) -> Tensor:
    """Where the evidence for a class lies: what its log-probability loses without each patch of an image.

    For any network, one pass a patch, in evaluation mode.

    Args:
        model: left in the mode it was in.
        view: normalized images [B, C, H, W] and what the head is told.
        fill: what takes the place of a patch, in units of normalized images, [C]: see `channel_means`.
        classes: int64 [B]; the best class of each image where None.
        patches: along each side.

    Returns:
        float32 [B, H, W], nats, 0 where the network is no less sure without the patch.
    """
    was_training = model.training
    model.eval()
    images, colour = view.images, torch.from_numpy(fill).to(view.images)[:, None, None]
    _, _, height, width = images.shape
    down, across = (torch.linspace(0, side, patches + 1).round().int().tolist() for side in (height, width))
    heat = images.new_zeros((len(images), patches, patches), dtype=torch.float32)
    try:
        logits = model.score(model.embed(images), view.condition).float()
        best = (logits.argmax(dim=1) if classes is None else classes)[:, None]
        whole = logits.log_softmax(dim=1).gather(1, best)[:, 0]
        for row, column in np.ndindex(patches, patches):
            less = images.clone()
            less[:, :, down[row] : down[row + 1], across[column] : across[column + 1]] = colour
            logits = model.score(model.embed(less), view.condition).float()
            heat[:, row, column] = whole - logits.log_softmax(dim=1).gather(1, best)[:, 0]
    finally:
        model.train(was_training)
    return F.interpolate(F.relu(heat)[:, None], size=(height, width), mode="bilinear", align_corners=False)[:, 0]


class _EachChannel(Classifier):
    """A classifier that embeds and scores whole images, and after them images without each channel."""

    def __init__(self, model: Classifier, fill: Tensor) -> None:
        super().__init__(model.backbone, model.head, model.num_classes, model.num_conditions)
        self.train(model.training)
        self._fill = fill
        self.num_features = model.num_features * (len(fill) + 1)
        self.num_classes = model.num_classes * (len(fill) + 1)

    def embed(self, images: Tensor) -> Tensor:
        embedded = [super().embed(images)]
        for channel, value in enumerate(self._fill):
            less = images.clone()
            less[:, channel] = value
            embedded.append(super().embed(less))
        return torch.cat(embedded, dim=1)

    def score(self, features: Tensor, condition: Tensor | None = None) -> Tensor:
        parts = features.chunk(len(self._fill) + 1, dim=1)
        return torch.cat([super(_EachChannel, self).score(part, condition) for part in parts], dim=1)

    def forward(
        self, images: Tensor, condition: Tensor | None = None, targets: Targets | None = None
    ) -> Tensor | Scored:
        # Batch-norm statistics of plates are taken by this, and so of whole images.
        return super().score(super().embed(images), condition)


def _with_last_map(backbone: nn.Module, images: Tensor) -> tuple[Tensor, tuple[str, Tensor]]:
    """Features of the images, and the name and output of the last module that makes a map of them."""
    seen: list[tuple[str, Tensor]] = []

    def look(name: str, output: object) -> None:
        if isinstance(output, Tensor) and output.ndim in (3, 4) and output.shape[2:].numel() > 1:
            seen.append((name, output))

    hooks = [
        module.register_forward_hook(lambda _, __, output, name=name: look(name, output))
        for name, module in backbone.named_modules()
    ]
    try:
        features = backbone(images)
    finally:
        for hook in hooks:
            hook.remove()
    kind = type(backbone).__name__
    if not seen:
        raise ModelError(f"Grad-CAM needs a feature map, but {kind} makes none of more than one place")
    name, last = seen[-1]
    if last.ndim != 4 or not _is_shaped_like(last, images):
        raise ModelError(
            f"Grad-CAM needs a feature map [B, C, h, w], but the last layer of {kind} before its features, "
            f"{name}, makes {list(last.shape)} of images {list(images.shape)}; use occlusion"
        )
    return features, (name, last)


def _is_shaped_like(feature_map: Tensor, images: Tensor) -> bool:
    """Whether height and width shrank alike, up to what padding and strides round: channels-last maps do not."""
    down, across = (full / small for full, small in zip(images.shape[2:], feature_map.shape[2:], strict=True))
    height, width = feature_map.shape[2:]
    return abs(down - across) <= max(down, across) / min(height, width) and min(down, across) >= 1
