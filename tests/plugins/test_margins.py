"""Heads with a margin against their formulas, evaluated in float64 NumPy."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from pydantic import ValidationError
from scipy.special import log_softmax
from torch import nn
from torch.nn import functional as F

from deepnoise_core.contracts import Targets
from deepnoise_core.engine.losses import hard_targets
from deepnoise_plugins.margins.arcface import ArcFaceHead
from deepnoise_plugins.margins.cosface import CosFaceHead
from deepnoise_plugins.margins.cosine import MarginHead
from deepnoise_plugins.margins.dual import DualHead
from deepnoise_plugins.margins.options import ArcFaceOptions, CosFaceOptions, DualOptions

Matrix = NDArray[np.float64]
Margin = Callable[[NDArray[np.float64], float], NDArray[np.float64]]
FEATURES = np.random.default_rng(1).normal(size=(64, 5))
LABELS = np.random.default_rng(2).integers(0, 4, 64)


def arcface(features: int = 5, classes: int = 4, **options: Any) -> ArcFaceHead:
    torch.manual_seed(0)
    return ArcFaceHead(ArcFaceOptions(**options), num_features=features, num_classes=classes)


def cosface(**options: Any) -> CosFaceHead:
    torch.manual_seed(0)
    return CosFaceHead(CosFaceOptions(**options), num_features=5, num_classes=4)


def dual(**options: Any) -> DualHead:
    torch.manual_seed(0)
    return DualHead(DualOptions(**options), num_features=5, num_classes=4)


def double(parameter: torch.Tensor) -> Matrix:
    return np.asarray(parameter.detach().double().numpy())


def loss_of(head: MarginHead | DualHead, labels: NDArray[np.int64] = LABELS, smoothing: float = 0.0) -> Matrix:
    targets = hard_targets(torch.tensor(labels), smoothing)
    return double(head.scored(torch.tensor(FEATURES, dtype=torch.float32), targets).loss)


def cosines(weight: Matrix) -> Matrix:
    unit = FEATURES / np.linalg.norm(FEATURES, axis=1, keepdims=True)
    return np.asarray(unit @ (weight / np.linalg.norm(weight, axis=1, keepdims=True)).T)


def angular(cosine: NDArray[np.float64], margin: float) -> NDArray[np.float64]:
    angle = np.arccos(cosine)
    return np.where(angle + margin < np.pi, np.cos(angle + margin), cosine - margin * np.sin(margin))


def additive(cosine: NDArray[np.float64], margin: float) -> NDArray[np.float64]:
    return cosine - margin


def expected(weight: Matrix, scale: float, margin: float, formula: Margin, smoothing: float = 0.0) -> Matrix:
    cosine = cosines(weight)
    rows = np.arange(len(LABELS))
    cosine[rows, LABELS] = formula(cosine[rows, LABELS], margin)
    likelihood = log_softmax(scale * cosine, axis=1)
    return np.asarray(-(1 - smoothing) * likelihood[rows, LABELS] - smoothing * likelihood.mean(axis=1))


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize(("scale", "margin"), [(30.0, 0.1), (64.0, 0.5), (1.0, 0.0), (10.0, 1.4)])
def test_arcface_follows_its_formula(scale: float, margin: float, smoothing: float) -> None:
    head = arcface(scale=scale, margin=margin)
    wanted = expected(double(head.cosine.weight), scale, margin, angular, smoothing)
    np.testing.assert_allclose(loss_of(head, smoothing=smoothing), wanted, atol=1e-4 * scale)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize(("scale", "margin"), [(30.0, 0.35), (64.0, 0.2), (1.0, 0.0), (10.0, 1.0)])
def test_cosface_follows_its_formula(scale: float, margin: float, smoothing: float) -> None:
    head = cosface(scale=scale, margin=margin)
    wanted = expected(double(head.cosine.weight), scale, margin, additive, smoothing)
    np.testing.assert_allclose(loss_of(head, smoothing=smoothing), wanted, atol=1e-5 * scale)


@pytest.mark.parametrize(("halved", "share"), [(True, 0.1), (False, 0.2)])
def test_dual_is_the_weighted_sum_of_its_two_losses(halved: bool, share: float) -> None:
    head = dual(halved=halved)
    logits = FEATURES @ double(head.linear.weight).T + double(head.linear.bias)
    plain = -log_softmax(logits, axis=1)[np.arange(64), LABELS]
    margin = expected(double(head.arcface.cosine.weight), 30.0, 0.5, angular)
    np.testing.assert_allclose(loss_of(head), 0.8 * plain + share * margin, atol=1e-3)


def test_dual_predicts_by_its_linear_layer() -> None:
    head = dual()
    features = torch.tensor(FEATURES, dtype=torch.float32)
    torch.testing.assert_close(head(features), F.linear(features, head.linear.weight, head.linear.bias))


@pytest.mark.parametrize("make", [arcface, cosface])
def test_without_a_margin_the_loss_is_that_of_the_normalised_softmax(make: Callable[..., MarginHead]) -> None:
    head = make(scale=20.0, margin=0.0)
    cosine = F.cosine_similarity(torch.tensor(FEATURES)[:, None], head.cosine.weight.double()[None], dim=2)
    wanted = F.cross_entropy(20.0 * cosine, torch.tensor(LABELS), reduction="none")
    np.testing.assert_allclose(loss_of(head), double(wanted), atol=1e-4)


@pytest.mark.parametrize("make", [arcface, cosface])
def test_evaluation_knows_no_margin(make: Callable[..., MarginHead]) -> None:
    head = make(scale=20.0, margin=0.5)
    logits = head(torch.tensor(FEATURES, dtype=torch.float32))
    np.testing.assert_allclose(double(logits), 20.0 * cosines(double(head.cosine.weight)), atol=1e-4)


def test_beyond_pi_the_logit_still_falls_with_the_angle() -> None:
    head = arcface(scale=1.0, margin=0.5, features=3, classes=2)
    with torch.no_grad():
        head.cosine.weight.copy_(torch.tensor([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]))
    angles = torch.linspace(0, torch.pi, 400, dtype=torch.float64)
    features = torch.stack([angles.cos(), angles.sin(), 0 * angles], dim=1).float()
    loss = head.scored(features, hard_targets(torch.zeros(400, dtype=torch.int64))).loss.double()
    assert (loss.diff() > -1e-6).all()


@pytest.mark.parametrize("half", [False, True], ids=["float32", "bfloat16"])
@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize("make", [arcface, cosface])
def test_the_gradient_is_finite_where_cosine_is_one(
    make: Callable[..., MarginHead], sign: float, half: bool
) -> None:
    head = make()
    with torch.no_grad():
        head.cosine.weight[0] = torch.tensor([3.0, 0.0, 0.0, 0.0, 0.0])
    features = (sign * head.cosine.weight.detach()[:1]).to(torch.bfloat16 if half else torch.float32)
    features.requires_grad_()
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=half):
        loss = head.scored(features, hard_targets(torch.tensor([0]))).loss.sum()
    gradients = torch.autograd.grad(loss, [features, head.cosine.weight])
    assert all(torch.isfinite(each).all() for each in (loss, *gradients))
    assert head.cosine(features)[0, 0].item() == sign


def test_autocast_does_not_round_the_cosines() -> None:
    head = arcface()
    features = torch.tensor(FEATURES, dtype=torch.float32)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = head(features)
    assert inside.dtype == torch.float32
    torch.testing.assert_close(inside, head(features))


@pytest.mark.parametrize("make", [arcface, cosface, dual])
def test_each_class_of_a_mixed_image_has_its_margin_alone(make: Callable[..., nn.Module]) -> None:
    head: Any = make()
    first, second = LABELS, (LABELS + 1) % 4
    classes = torch.tensor(np.stack([first, second], axis=1))
    mixed = Targets(classes, torch.tensor([0.25, 0.75]).repeat(64, 1))
    made = head.scored(torch.tensor(FEATURES, dtype=torch.float32), mixed).loss
    np.testing.assert_allclose(
        double(made), 0.25 * loss_of(head, first) + 0.75 * loss_of(head, second), rtol=1e-5
    )


@pytest.mark.parametrize(
    ("options", "wrong"),
    [
        (ArcFaceOptions, {"margin": 1.6}),
        (CosFaceOptions, {"margin": 1.1}),
        (DualOptions, {"margin_weight": -0.1}),
    ],
)
def test_impossible_options_are_refused(options: type[Any], wrong: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        options(**wrong)
