"""Saliency of networks whose answer is known, and against the formulas in NumPy."""

from typing import cast, get_args

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from deepnoise_core.contracts import TestTimeViews, View
from deepnoise_core.contracts.errors import ModelError
from deepnoise_core.contracts.protocols import Normalizer
from deepnoise_core.data.statistics import Pools
from deepnoise_core.engine.classifier import Classifier
from deepnoise_core.engine.domain_norm import DomainNorm
from deepnoise_core.engine.inputs import Inputs
from deepnoise_core.engine.prediction import predict_rows
from deepnoise_core.engine.saliency import (
    channel_means,
    grad_cam,
    loss_by_channel,
    occlusion,
    patch_occlusion,
)
from deepnoise_core.engine.timm_network import timm_network
from deepnoise_core.testing.networks import SmallBackbone, SmallHead, small_classifier
from deepnoise_core.testing.screens import random_screen


class Halved:
    """A normalizer that knows nothing: bytes to -0.5 ... 0.5."""

    def __call__(self, raw: Tensor, rows: Tensor, jitter: object = None) -> Tensor:
        return raw.float() / 255 - 0.5


class Means(nn.Module):
    """Features are the means of the channels of a map that is the image itself."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.map = nn.Identity()
        self.num_features = channels

    def forward(self, images: Tensor) -> Tensor:
        return cast(Tensor, self.map(images).mean(dim=(2, 3)))


def linear_classifier(weights: NDArray[np.float32]) -> Classifier:
    """Logits are these weights [K, C] on the means of the channels."""
    head = nn.Linear(weights.shape[1], len(weights), bias=False)
    head.weight.data = torch.from_numpy(weights)
    return Classifier(Means(weights.shape[1]), head, len(weights))


def inputs_of(channels: int = 3) -> tuple[Inputs, NDArray[np.int64]]:
    screen = random_screen(channels=channels)
    return Inputs(screen.store, cast(Normalizer, Halved()), torch.device("cpu")), np.arange(len(screen))


def log_softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True)))


def test_only_the_channel_that_is_used_is_missed() -> None:
    weights = np.zeros((3, 4), np.float32)
    weights[:, 2] = (-9.0, 0.0, 9.0)
    inputs, rows = inputs_of(channels=4)
    found = occlusion(linear_classifier(weights), inputs, rows, fill=channel_means(inputs, rows))
    loss = loss_by_channel(found.logits, found.without)
    assert not loss.fall[:, [0, 1, 3]].any()
    assert not loss.changed[:, [0, 1, 3]].any()
    assert (np.abs(loss.fall[:, 2]) > 1e-6).all()
    # All images look alike without it.
    assert np.ptp(found.without[:, 2], axis=0).max() < 1e-6
    assert loss.changed[:, 2].any()


def test_falls_are_those_of_the_formula() -> None:
    weights = np.random.default_rng(3).normal(0, 8, (5, 3)).astype(np.float32)
    inputs, rows = inputs_of(channels=3)
    fill = channel_means(inputs, rows)
    found = occlusion(linear_classifier(weights), inputs, rows, fill=fill, batch_size=5)
    loss = loss_by_channel(found.logits, found.without, temperature=1.7)
    images = inputs.store.read(rows).astype(np.float64) / 255 - 0.5
    np.testing.assert_allclose(fill, images.mean(axis=(0, 2, 3)), atol=1e-6)
    means = images.mean(axis=(2, 3))
    best = (means @ weights.T).argmax(axis=1)
    np.testing.assert_array_equal(loss.label, best)
    for channel in range(3):
        less = means.copy()
        less[:, channel] = images.mean(axis=(0, 2, 3))[channel]
        whole, without = (log_softmax(one @ weights.T.astype(np.float64) / 1.7) for one in (means, less))
        wanted = np.take_along_axis(whole - without, best[:, None], axis=1)[:, 0]
        np.testing.assert_allclose(loss.fall[:, channel], wanted, atol=2e-5)
        np.testing.assert_array_equal(loss.changed[:, channel], without.argmax(axis=1) != best)


@pytest.mark.parametrize("tta", get_args(TestTimeViews))
def test_whole_images_are_predicted_as_ever_and_nothing_is_left_changed(tta: TestTimeViews) -> None:
    model = small_classifier()
    model.train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    inputs, rows = inputs_of()
    norm = DomainNorm(Pools(("a", "b"), (rows[:16], rows[16:]), (rows >= 16).astype(np.int64)), (), "plates")
    found = occlusion(model, inputs, rows, fill=np.zeros(3, np.float32), tta=tta, norm=norm)
    plain = predict_rows(model, inputs, rows, tta=tta, norm=norm)
    np.testing.assert_allclose(found.logits, plain.logits, atol=1e-5)
    fill = np.zeros(3, np.float32)
    again = occlusion(model, inputs, rows, fill=fill, tta=tta, norm=norm, batch_size=4)
    np.testing.assert_allclose(found.without, again.without, atol=1e-5)
    assert model.training
    assert all(module.training for module in model.modules())
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_rows_of_no_class_lose_nothing_that_could_be_told() -> None:
    scores = np.array([[1.0, 2.0], [-np.inf, -np.inf]], np.float32)
    loss = loss_by_channel(scores, np.stack([scores[:, ::-1], scores], axis=1))
    np.testing.assert_array_equal(loss.label, [1, -1])
    np.testing.assert_array_equal(loss.changed, [[True, False], [False, False]])
    np.testing.assert_allclose(loss.fall[0], [1.0, 0.0])
    assert np.isnan(loss.fall[1]).all()


def test_grad_cam_peaks_on_what_was_planted() -> None:
    images = torch.full((2, 2, 16, 24), 0.01)
    images[0, 0, 3:5, 18:20] = 1.0
    images[1, 1, 10:12, 4:6] = 1.0
    model = linear_classifier(np.array([[1.0, -1.0], [-1.0, 1.0]], np.float32))
    heat = grad_cam(model, View(images, None))
    assert heat.layer == "map"
    assert heat.places == (16, 24)
    for one, place in zip(heat.maps, [(slice(3, 5), slice(18, 20)), (slice(10, 12), slice(4, 6))], strict=True):
        assert one[place].min() > 0.9 * one.max() > 0
        assert float(one.sum()) == pytest.approx(float(one[place].sum()), rel=1e-3)
    other = grad_cam(model, View(images, None), torch.tensor([1, 0])).maps
    assert other.max() < 1e-6


def test_grad_cam_is_the_formula() -> None:
    """By hand: gradients of the mean of the last map are even, and weights those of the head."""
    model = small_classifier(batch_norm=False)
    images = torch.randn(3, 3, 21, 17, generator=torch.Generator().manual_seed(1))
    heat = grad_cam(model, View(images, None), torch.tensor([0, 1, 2]))
    assert heat.layer == "layers"
    with torch.no_grad():
        maps = cast(SmallBackbone, model.backbone).layers(images).double().numpy()
        weights = cast(SmallHead, model.head).linear.weight[:3].double().numpy() / maps[0, 0].size
    small = np.maximum(np.einsum("bc,bchw->bhw", weights, maps), 0)
    wanted = nn.functional.interpolate(torch.from_numpy(small)[:, None], size=(21, 17), mode="bilinear")[:, 0]
    np.testing.assert_allclose(heat.maps.numpy(), wanted.numpy(), atol=1e-6)
    assert all(parameter.grad is None for parameter in model.parameters())
    assert model.training


def test_patches_are_missed_as_the_formula_says() -> None:
    weights = np.random.default_rng(5).normal(0, 8, (5, 3)).astype(np.float32)
    model = linear_classifier(weights)
    model.train()
    images = torch.randn(2, 3, 8, 12, generator=torch.Generator().manual_seed(0))
    fill = np.array([0.1, -0.2, 0.3], np.float32)
    asked = torch.tensor([3, 1])
    for classes in (asked, None):
        heat = patch_occlusion(model, View(images, None), fill, classes, patches=4)
        pixels = images.double().numpy()
        whole = log_softmax(pixels.mean(axis=(2, 3)) @ weights.T)
        labels = asked.numpy() if classes is not None else whole.argmax(axis=1)
        wanted = np.zeros((2, 4, 4), np.float32)
        for row, column in np.ndindex(4, 4):
            less = pixels.copy()
            less[:, :, 2 * row : 2 * row + 2, 3 * column : 3 * column + 3] = fill[:, None, None]
            falls = whole - log_softmax(less.mean(axis=(2, 3)) @ weights.T)
            wanted[:, row, column] = np.maximum(falls[np.arange(2), labels], 0)
        smooth = nn.functional.interpolate(torch.from_numpy(wanted)[:, None], size=(8, 12), mode="bilinear")[:, 0]
        np.testing.assert_allclose(heat.numpy(), smooth.numpy(), atol=2e-5)
    assert model.training


@pytest.mark.parametrize(
    ("name", "has_map"),
    [
        ("resnet18", True),
        ("convnext_atto", True),
        ("densenet121", True),
        ("vit_tiny_patch16_224", False),
        ("swin_tiny_patch4_window7_224", False),
    ],
)
def test_networks_without_a_map_are_refused(name: str, has_map: bool) -> None:
    backbone = timm_network(name, 2)
    model = Classifier(backbone, nn.Linear(backbone.num_features, 3), 3)
    side = 224 if "224" in name else 64
    view = View(torch.rand(1, 2, side, side), None)
    if has_map:
        heat = grad_cam(model, view)
        assert heat.maps.shape == (1, side, side)
        assert heat.maps.isfinite().all()
        return
    with pytest.raises(ModelError, match="use occlusion"):
        grad_cam(model, view)
