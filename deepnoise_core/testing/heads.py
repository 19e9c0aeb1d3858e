"""Laws of heads."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import cast

import torch
from safetensors.torch import load, save
from torch import Tensor, nn

from deepnoise_core.contracts import Targets
from deepnoise_core.contracts.protocols import Head
from deepnoise_core.engine.losses import hard_targets
from deepnoise_core.testing.laws import close, require
from deepnoise_core.testing.modules import export_note, require_all_take_part, require_copies_stand_alone

Make = Callable[[int, int], nn.Module]
"""Builds the head from F features to K classes."""

_FEATURES, _CLASSES = 16, 5


def logits_have_one_column_a_class(make: Make) -> None:
    """Features [B, F] give finite logits [B, K], for one class to many."""
    for classes in (1, 2, _CLASSES, 1108):
        logits = _built(make, classes=classes).train()(_features())
        require(logits.shape == (4, classes), f"{classes} classes give logits {tuple(logits.shape)}")
        require(bool(logits.isfinite().all()), f"logits of {classes} classes are not finite")


def the_loss_is_one_of_each_image(make: Make) -> None:
    """The loss is float32 [B], the same for an image alone, and falls when its target is learned.

    In evaluation mode: in training mode batch norm and dropout may tie images together.
    """
    head, features, targets = _built(make).eval(), _features(), hard_targets(torch.arange(4))
    losses = _loss(head, features, targets)
    require((losses.shape, losses.dtype) == ((4,), torch.float32), f"a loss of {losses.dtype} {losses.shape}")
    alone = _loss(head, features[:1], hard_targets(torch.arange(1)))
    require(close(alone, losses[:1]), "an image alone has another loss than in a batch")
    optimizer = torch.optim.SGD(head.parameters(), lr=0.01)
    torch.autograd.backward(losses.mean())
    optimizer.step()
    require(bool(_loss(head, features, targets).mean() < losses.mean()), "a step downhill does not help")


def targets_are_those_of_the_first_images(make: Make) -> None:
    """With targets of the first n of B images there are B logits, those of a call, and n losses.

    In training mode the first are one pass with the rest: what batch norm follows, it follows once.
    """
    head, features, targets = _built(make).eval(), _features(), hard_targets(torch.arange(3))
    logits, losses = cast(Head, head).scored(features, targets)
    require(close(logits, head(features)), "other logits with targets than without")
    require(losses.shape == (3,), f"targets of 3 of 4 images give a loss {tuple(losses.shape)}")
    require(close(losses, _loss(head, features[:3], targets)), "images without a target change the loss")
    asked, called = copy.deepcopy(head).train(), head.train()
    cast(Head, asked).scored(features, targets)
    called(features)
    require(
        all(close(one, other) for one, other in zip(asked.buffers(), called.buffers(), strict=True)),
        "buffers after a pass with targets are not those after a call",
    )


def mixed_targets_weigh_their_losses(make: Make) -> None:
    """The loss of two targets is that of each, by their weights; smoothing keeps it finite."""
    head, features = _built(make).eval(), _features()
    classes, weights = torch.tensor([[0, 1]] * 4), torch.tensor([[0.3, 0.7]] * 4)
    apart = [_loss(head, features, hard_targets(classes[:, column])) for column in range(2)]
    mixed = _loss(head, features, Targets(classes, weights))
    require(close(mixed, 0.3 * apart[0] + 0.7 * apart[1]), "two targets do not weigh their losses")
    require(
        bool(_loss(head, features, Targets(classes, weights, 0.1)).isfinite().all()), "smoothing is not finite"
    )


def what_the_loss_teaches_the_logits_say(make: Make) -> None:
    """Images whose loss was minimised have their target as the best logit, so both are of one classifier."""
    head, features, targets = _built(make).eval(), _features(), torch.tensor([3, 1, 4, 0])
    optimizer = torch.optim.Adam(head.parameters(), lr=0.03)
    for _ in range(100):
        optimizer.zero_grad()
        torch.autograd.backward(_loss(head, features, hard_targets(targets)).mean())
        optimizer.step()
    require(torch.equal(head(features).argmax(dim=1), targets), "the logits do not say what the loss teaches")


def evaluation_needs_no_label(make: Make) -> None:
    """In evaluation logits are a function of the features of their own row."""
    head, features = _built(make).eval(), _features()
    together = head(features)
    require(torch.equal(together, head(features)), "two evaluations differ")
    require(close(head(features[:1]), together[:1]), "a row alone has other logits than in a batch")


def the_gradient_is_finite(make: Make) -> None:
    """The loss gives features and weights a finite gradient, also for zero, large and single features.

    Between single numbers there is no angle but 0 and π, where that of a margin may have an infinite slope.
    """
    numbers = _features()
    for name, given in (
        ("zero", 0 * numbers),
        ("common", numbers),
        ("large", 1e4 * numbers),
        ("single", numbers[:, :1]),
    ):
        head, features = _built(make, features=given.shape[1]).train(), given.clone().requires_grad_()
        torch.autograd.backward(_loss(head, features, hard_targets(torch.arange(4))).mean())
        for gradient in (features.grad, *(parameter.grad for parameter in head.parameters())):
            finite = gradient is not None and bool(gradient.isfinite().all())
            require(finite, f"no finite gradient where features are {name}")
        learned = features.grad is not None and bool(features.grad.any())
        require(learned or name in ("zero", "single"), "features learn nothing")


def half_precision_stays_finite(make: Make) -> None:
    """Under bf16 autocast the loss at K = 1,108 and its gradient are finite."""
    head = _built(make, classes=1108).train()
    features = _features().requires_grad_()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = _loss(head, features, hard_targets(torch.arange(4))).mean()
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


def every_parameter_takes_part(make: Make) -> None:
    """The loss reaches every parameter, which several devices need; a copy stands alone, as a teacher must."""
    head, targets = _built(make), hard_targets(torch.arange(4))
    require_copies_stand_alone(head, _features())
    require_all_take_part(head, lambda network: _loss(network, _features(), targets).sum())


def torch_export_is_reported(make: Make) -> str:
    """Says whether `torch.export` takes the head in evaluation; nothing is asked."""
    return export_note(_built(make), _features())


BASIC = (
    logits_have_one_column_a_class,
    the_loss_is_one_of_each_image,
    targets_are_those_of_the_first_images,
    the_gradient_is_finite,
    safetensors_keep_the_head,
)

LAWS = (
    *BASIC,
    mixed_targets_weigh_their_losses,
    what_the_loss_teaches_the_logits_say,
    evaluation_needs_no_label,
    half_precision_stays_finite,
    every_parameter_takes_part,
    torch_export_is_reported,
)


def _built(make: Make, classes: int = _CLASSES, seed: int = 0, features: int = _FEATURES) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return make(features, classes)


def _loss(head: nn.Module, features: Tensor, targets: Targets) -> Tensor:
    return cast(Head, head).scored(features, targets).loss


def _features() -> Tensor:
    return torch.randn(4, _FEATURES, generator=torch.Generator().manual_seed(5))
