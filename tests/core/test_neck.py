"""The neck against torch's functions, and heads with batch norm in a classifier."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from deepnoise_core.contracts import Scored, Targets
from deepnoise_core.engine.batch_norm import set_batch_norm_momentum
from deepnoise_core.engine.classifier import Classifier
from deepnoise_core.engine.losses import hard_targets, target_loss
from deepnoise_core.engine.neck import make_neck


def neck(features: int = 6, width: int = 4) -> nn.Module:
    torch.manual_seed(0)
    made, _ = make_neck(features, width)
    return made


def normal(values: Tensor) -> Tensor:
    """What batch norm makes of a batch at its start."""
    return (values - values.mean(dim=0)) / (values.var(dim=0, correction=0) + 1e-5).sqrt()


def test_layers_follow_the_first_place() -> None:
    made, features = neck(), torch.randn(32, 6)
    weights = dict(made.named_parameters())
    hidden = normal(F.relu(F.linear(normal(features), weights["1.weight"])))
    wanted = normal(F.linear(hidden, weights["4.weight"], weights["4.bias"]))
    torch.testing.assert_close(made(features), wanted)
    assert "1.bias" not in weights


def test_widths() -> None:
    made, width = make_neck(6, 4)
    assert (width, made(torch.randn(3, 6)).shape) == (4, (3, 4))
    features = torch.randn(3, 6)
    made, width = make_neck(6, None)
    assert width == 6
    assert made(features) is features


class WithNeck(nn.Module):
    """A head behind a neck."""

    def __init__(self) -> None:
        super().__init__()
        self.neck = neck()
        self.linear = nn.Linear(4, 3)

    def forward(self, features: Tensor) -> Tensor:
        logits: Tensor = self.linear(self.neck(features))
        return logits

    def scored(self, features: Tensor, targets: Targets) -> Scored:
        logits: Tensor = self(features)
        return Scored(logits, target_loss(logits, targets))


class Flat(nn.Module):
    """Pixels as features."""

    num_features = 6

    def forward(self, images: Tensor) -> Tensor:
        return images.flatten(1)


def test_batch_norm_of_a_head_follows_each_pass_once() -> None:
    student = Classifier(Flat(), WithNeck(), 3).train()
    alone = Classifier(Flat(), WithNeck(), 3).train()
    set_batch_norm_momentum(student, 0.05)
    set_batch_norm_momentum(alone, 0.05)
    images = 3.0 + torch.randn(16, 6, 1, 1)
    scored = student(images, None, hard_targets(torch.arange(9) % 3))
    alone(images)
    assert isinstance(scored, Scored)
    assert scored.loss.shape == (9,)
    for (name, one), other in zip(student.named_buffers(), alone.buffers(), strict=True):
        torch.testing.assert_close(one, other, msg=name)
    mean = dict(student.named_buffers())["head.neck.0.running_mean"]
    torch.testing.assert_close(mean, 0.05 * images.flatten(1).mean(dim=0))
