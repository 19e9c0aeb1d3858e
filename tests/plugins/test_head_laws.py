"""Heads that break a law of heads are caught by it."""

import math
from collections.abc import Callable

import pytest
from torch import Tensor, nn

from deepnoise_core.contracts import Targets
from deepnoise_core.engine.losses import hard_targets
from deepnoise_core.testing import heads
from deepnoise_plugins.linear.head import LinearHead
from deepnoise_plugins.linear.options import LinearOptions
from deepnoise_plugins.margins.arcface import ArcFaceHead
from deepnoise_plugins.margins.dual import DualHead
from deepnoise_plugins.margins.options import ArcFaceOptions, DualOptions


class _Linear(LinearHead):
    def __init__(self, num_features: int, num_classes: int) -> None:
        super().__init__(LinearOptions(), num_features=num_features, num_classes=num_classes)


class _Mean(_Linear):
    """Gives one loss for all."""

    def loss(self, features: Tensor, targets: Targets) -> Tensor:
        return super().loss(features, targets).mean()


class _FirstTarget(_Linear):
    """Takes a mixed image for its first."""

    def loss(self, features: Tensor, targets: Targets) -> Tensor:
        return super().loss(features, hard_targets(targets.classes[:, 0], targets.smoothing))


class _Batch(_Linear):
    """Standardizes by the batch in evaluation, too."""

    def forward(self, features: Tensor) -> Tensor:
        return super().forward(features - features.mean(dim=0))


class _Untaught(DualHead):
    """Teaches one classifier and asks the other."""

    def __init__(self, num_features: int, num_classes: int) -> None:
        super().__init__(DualOptions(), num_features=num_features, num_classes=num_classes)

    def loss(self, features: Tensor, targets: Targets) -> Tensor:
        return self.arcface.loss(self.neck(features), targets)


class _Sharp(ArcFaceHead):
    """Takes the sine without bounds, whose slope at cos = ±1 is infinite."""

    def __init__(self, num_features: int, num_classes: int) -> None:
        super().__init__(ArcFaceOptions(), num_features=num_features, num_classes=num_classes)

    def with_margin(self, cosine: Tensor) -> Tensor:
        sine = (1.0 - cosine.square()).sqrt()
        return cosine * math.cos(self.margin) - sine * math.sin(self.margin)


@pytest.mark.parametrize(
    ("broken", "law", "message"),
    [
        (_Mean, heads.the_loss_is_one_of_each_image, "a loss of"),
        (_FirstTarget, heads.mixed_targets_weigh_their_losses, "do not weigh their losses"),
        (_Batch, heads.evaluation_needs_no_label, "other logits than in a batch"),
        (_Untaught, heads.what_the_loss_teaches_the_logits_say, "do not say what the loss teaches"),
        (_Sharp, heads.the_gradient_is_finite, "no finite gradient"),
    ],
)
def test_a_broken_head_is_caught(
    broken: type[nn.Module], law: Callable[[heads.Make], None], message: str
) -> None:
    with pytest.raises(AssertionError, match=message):
        law(broken)
