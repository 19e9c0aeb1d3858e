"""Laws of heads."""

from __future__ import annotations

from collections.abc import Callable

import torch
from safetensors.torch import load, save
from torch import Tensor, nn
from torch.nn import functional as F

from deepnoise_core.testing.laws import close, require

Make = Callable[[int, int], nn.Module]
"""Builds the head from F features to K classes."""

_FEATURES, _CLASSES = 16, 5


def logits_have_one_column_a_class(make: Make) -> None:
    """Features [B, F] give finite logits [B, K], with labels and without, for one class to many."""
    for classes in (1, 2, _CLASSES, 1108):
        head = _built(make, classes=classes).train()
        for labels in (None, torch.arange(4) % classes):
            logits = head(_features(), labels)
            require(logits.shape == (4, classes), f"{classes} classes give logits {tuple(logits.shape)}")
            require(bool(logits.isfinite().all()), f"logits of {classes} classes are not finite")


def evaluation_needs_no_label(make: Make) -> None:
    """In evaluation logits are a function of the features of their own row."""
    head, features = _built(make).eval(), _features()
    together = head(features)
    require(torch.equal(together, head(features)), "two evaluations differ")
    require(close(head(features[:1]), together[:1]), "a row alone has other logits than in a batch")


def the_gradient_is_finite(make: Make) -> None:
    """Cross-entropy gives features and weights a finite gradient, for large, equal and zero features too."""
    for scale in (0.0, 1.0, 1e4):
        head = _built(make).train()
        features = (scale * _features()).requires_grad_()
        torch.autograd.backward(F.cross_entropy(head(features, torch.arange(4)), torch.arange(4)))
        gradients = [features.grad, *(parameter.grad for parameter in head.parameters())]
        for gradient in gradients:
            require(gradient is not None and bool(gradient.isfinite().all()), f"no finite gradient at {scale}")
        require(
            scale == 0 or any(g is not None and bool(g.any()) for g in gradients[:1]), "features learn nothing"
        )


def half_precision_stays_finite(make: Make) -> None:
    """Under bf16 autocast the loss at K = 1,108 and its gradient are finite."""
    head = _built(make, classes=1108).train()
    features = _features().requires_grad_()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits = head(features, torch.arange(4))
    loss = F.cross_entropy(logits.float(), torch.arange(4))
    torch.autograd.backward(loss)
    require(bool(loss.isfinite()), f"the loss is {loss}")
    require(features.grad is not None and bool(features.grad.isfinite().all()), "no finite gradient")


def safetensors_keep_the_head(make: Make) -> None:
    """The seed decides the start, and weights that are saved and loaded give the same logits."""
    one, same, other = (_built(make, seed=seed).eval() for seed in (0, 0, 1))
    logits = one(_features())
    require(torch.equal(logits, same(_features())), "one seed gives two starts")
    require(not torch.equal(logits, other(_features())), "two seeds give one start")
    other.load_state_dict(load(save(one.state_dict())))
    require(torch.equal(logits, other(_features())), "saved and loaded weights give other logits")


LAWS = (
    logits_have_one_column_a_class,
    evaluation_needs_no_label,
    the_gradient_is_finite,
    half_precision_stays_finite,
    safetensors_keep_the_head,
)


def _built(make: Make, classes: int = _CLASSES, seed: int = 0) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return make(_FEATURES, classes)


def _features() -> Tensor:
    return torch.randn(4, _FEATURES, generator=torch.Generator().manual_seed(5))
