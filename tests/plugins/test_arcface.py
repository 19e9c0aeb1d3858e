"""ArcFace against its formula, evaluated in float64 NumPy."""

import numpy as np
import pytest
import torch
from scipy.special import log_softmax
from torch.nn import functional as F

from deepnoise_core.engine.losses import hard_targets
from deepnoise_plugins.arcface.head import ArcFaceHead
from deepnoise_plugins.arcface.options import ArcFaceOptions


def head(scale: float = 30.0, margin: float = 0.1, features: int = 5, classes: int = 4) -> ArcFaceHead:
    torch.manual_seed(0)
    return ArcFaceHead(ArcFaceOptions(scale=scale, margin=margin), num_features=features, num_classes=classes)


def expected(
    features: np.ndarray, weight: np.ndarray, labels: np.ndarray, scale: float, margin: float
) -> np.ndarray:
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    cosine = unit @ (weight / np.linalg.norm(weight, axis=1, keepdims=True)).T
    logits = scale * cosine
    for row, label in enumerate(labels):
        angle = np.arccos(cosine[row, label])
        shifted = (
            np.cos(angle + margin) if angle + margin < np.pi else cosine[row, label] - margin * np.sin(margin)
        )
        logits[row, label] = scale * shifted
    return np.asarray(logits)


@pytest.mark.parametrize(("scale", "margin"), [(30.0, 0.1), (64.0, 0.5), (1.0, 0.0), (10.0, 1.4)])
def test_logits_follow_the_formula(scale: float, margin: float) -> None:
    one = head(scale, margin)
    features = np.random.default_rng(1).normal(size=(64, 5))
    labels = np.random.default_rng(2).integers(0, 4, 64)
    loss = one.loss(torch.tensor(features, dtype=torch.float32), hard_targets(torch.tensor(labels)))
    logits = expected(features, one.weight.detach().double().numpy(), labels, scale, margin)
    likelihood = log_softmax(logits, axis=1)[np.arange(64), labels]
    np.testing.assert_allclose(loss.detach(), -likelihood, atol=1e-4 * scale)


def test_beyond_pi_the_logit_still_falls_with_the_angle() -> None:
    one = head(scale=1.0, margin=0.5, features=3, classes=2)
    with torch.no_grad():
        one.weight.copy_(torch.tensor([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]))
    angles = torch.linspace(0, torch.pi, 400, dtype=torch.float64)
    features = torch.stack([angles.cos(), angles.sin(), 0 * angles], dim=1).float()
    loss = one.loss(features, hard_targets(torch.zeros(400, dtype=torch.int64))).double()
    assert (loss.diff() > -1e-6).all()


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_the_gradient_is_finite_where_cosine_is_one(sign: float) -> None:
    one = head()
    features = (sign * one.weight.detach()[:1]).clone().requires_grad_()
    loss = one.loss(features, hard_targets(torch.tensor([0]))).sum()
    (gradient,) = torch.autograd.grad(loss, features)
    assert torch.isfinite(gradient).all()


def test_without_labels_or_margin_logits_are_scaled_cosines() -> None:
    one = head(scale=20.0, margin=0.0)
    features = torch.randn(6, 5)
    cosine = F.cosine_similarity(features[:, None], one.weight[None], dim=2)
    torch.testing.assert_close(one(features), 20.0 * cosine)
    labels = torch.arange(6) % 4
    expected = F.cross_entropy(20.0 * cosine, labels, reduction="none")
    torch.testing.assert_close(one.loss(features, hard_targets(labels)), expected, atol=1e-3, rtol=1e-4)
