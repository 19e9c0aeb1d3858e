"""Heads that break a law of heads are caught by it."""

import math

import pytest
import torch
from torch import Tensor, nn

from deepnoise_core.contracts import Scored, Targets
from deepnoise_core.engine.losses import hard_targets
from deepnoise_core.testing import heads
from deepnoise_core.testing.suites import Law
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

    def scored(self, features: Tensor, targets: Targets) -> Scored:
        logits, loss = super().scored(features, targets)
        return Scored(logits, loss.mean())


class _Whole(_Linear):
    """Looks at all images where some have a target, which normalizes by others in their loss."""

    def scored(self, features: Tensor, targets: Targets) -> Scored:
        logits, loss = super().scored(features, targets)
        return Scored(logits, loss + logits.mean())


class _Twice(LinearHead):
    """Shows its neck every image twice where there are targets."""

    def __init__(self, num_features: int, num_classes: int) -> None:
        super().__init__(LinearOptions(neck=8), num_features=num_features, num_classes=num_classes)

    def scored(self, features: Tensor, targets: Targets) -> Scored:
        return Scored(self(features), super().scored(features, targets).loss)


class _FirstTarget(_Linear):
    """Takes a mixed image for its first."""

    def scored(self, features: Tensor, targets: Targets) -> Scored:
        return super().scored(features, hard_targets(targets.classes[:, 0], targets.smoothing))


class _Batch(_Linear):
    """Standardizes by the batch in evaluation, too."""

    def forward(self, features: Tensor) -> Tensor:
        return super().forward(features - features.mean(dim=0))


class _Untaught(DualHead):
    """Teaches one classifier and asks the other."""

    def __init__(self, num_features: int, num_classes: int) -> None:
        super().__init__(DualOptions(), num_features=num_features, num_classes=num_classes)

    def scored(self, features: Tensor, targets: Targets) -> Scored:
        return Scored(self(features), self.arcface.scored(self.neck(features), targets).loss)


class _Sharp(ArcFaceHead):
    """Takes the sine without bounds, whose slope at cos = ±1 is infinite."""

    def __init__(self, num_features: int, num_classes: int) -> None:
        super().__init__(ArcFaceOptions(), num_features=num_features, num_classes=num_classes)

    def with_margin(self, cosine: Tensor) -> Tensor:
        sine = (1.0 - cosine.square()).sqrt()
        return cosine * math.cos(self.margin) - sine * math.sin(self.margin)


class _Surplus(LinearHead):
    """Has a class for what it does not know."""

    def __init__(self, num_features: int, num_classes: int) -> None:
        super().__init__(LinearOptions(), num_features=num_features, num_classes=num_classes + 1)


class _Coarse(_Linear):
    """Takes the spread as mean square less squared mean, which falls below zero where numbers are coarse."""

    def scored(self, features: Tensor, targets: Targets) -> Scored:
        logits, loss = super().scored(features, targets)
        shifted = logits + 100.0
        spread: Tensor = (shifted.square().mean(dim=1) - shifted.mean(dim=1).square()).sqrt()
        return Scored(logits, loss + spread.float())


class _UnsavedScale(_Linear):
    """Draws a number that is saved nowhere."""

    def __init__(self, num_features: int, num_classes: int) -> None:
        super().__init__(num_features, num_classes)
        self.scale = torch.rand(())

    def forward(self, features: Tensor) -> Tensor:
        return self.scale * super().forward(features)


class _Idle(_Linear):
    """Has a layer that nothing goes through."""

    def __init__(self, num_features: int, num_classes: int) -> None:
        super().__init__(num_features, num_classes)
        self.idle = nn.Linear(num_features, num_classes)


class _Unexportable(_Linear):
    """Cannot be called without its Python."""

    def forward(self, features: Tensor) -> Tensor:
        return super().forward(features * float(features.sum() > 0))


@pytest.mark.parametrize(
    ("broken", "law", "message"),
    [
        (_Surplus, heads.logits_have_one_column_a_class, r"1 classes give logits \(4, 2\)"),
        (_Coarse, heads.half_precision_stays_finite, "the loss is|no finite gradient"),
        (_UnsavedScale, heads.safetensors_keep_the_head, "saved and loaded weights give other logits"),
        (_Idle, heads.every_parameter_takes_part, "reaches no parameter idle.weight, idle.bias"),
        (_Mean, heads.the_loss_is_one_of_each_image, "a loss of"),
        (_Whole, heads.targets_are_those_of_the_first_images, "without a target change the loss"),
        (_Twice, heads.targets_are_those_of_the_first_images, "buffers after a pass with targets"),
        (_FirstTarget, heads.mixed_targets_weigh_their_losses, "do not weigh their losses"),
        (_Batch, heads.evaluation_needs_no_label, "other logits than in a batch"),
        (_Untaught, heads.what_the_loss_teaches_the_logits_say, "do not say what the loss teaches"),
        (_Sharp, heads.the_gradient_is_finite, "no finite gradient"),
    ],
)
def test_a_broken_head_is_caught(broken: type[nn.Module], law: Law, message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        law(broken)


@pytest.mark.parametrize(
    ("broken", "law", "message"),
    [
        (_Unexportable, heads.torch_export_is_reported, "does not work"),
        (_Linear, heads.torch_export_is_reported, "torch.export works"),
    ],
)
def test_what_cannot_be_exported_is_said(broken: type[nn.Module], law: Law, message: str) -> None:
    assert message in str(law(broken))
