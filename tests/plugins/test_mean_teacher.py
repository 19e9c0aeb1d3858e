"""The mean teacher's options and losses by hand-computed values."""

import copy

import pytest
import torch
from torch import Tensor, nn

from deepnoise_core.contracts import Batch, Progress, StepBatch, SupervisedBatch, View
from deepnoise_core.engine.classifier import Classifier, joined
from deepnoise_core.engine.losses import hard_targets
from deepnoise_core.engine.ramps import sigmoid_ramp
from deepnoise_core.testing.networks import SmallHead
from deepnoise_core.testing.rehearsal import pool_of_the_rehearsal
from deepnoise_plugins.mean_teacher.options import MeanTeacherOptions
from deepnoise_plugins.mean_teacher.strategy import MeanTeacher


class Flat(nn.Module):
    """Pixels as features."""

    num_features = 2

    def forward(self, images: Tensor) -> Tensor:
        return images.flatten(1)


def started(**options: object) -> tuple[MeanTeacher, Classifier]:
    torch.manual_seed(0)
    strategy, student = (
        MeanTeacher(MeanTeacherOptions.model_validate(options)),
        Classifier(Flat(), SmallHead(2, 3), 3),
    )
    strategy.start(student, pool_of_the_rehearsal())
    return strategy, student


def weight_of(network: nn.Module) -> Tensor:
    return network.get_parameter("head.linear.weight")


def batch() -> StepBatch:
    torch.manual_seed(1)

    def views(size: int, *names: str) -> dict[str, View]:
        return {name: View(torch.randn(size, 2, 1, 1)) for name in names}

    known, rows = views(4, "easy", "normal", "hard"), torch.arange(4)
    supervised = SupervisedBatch(rows, known["normal"], hard_targets(torch.tensor([0, 1, 2, 0])))
    return StepBatch(supervised, Batch(rows, known), Batch(torch.arange(2), views(2, "easy", "hard")))


def progress(step: int, per_epoch: int = 10) -> Progress:
    return Progress(step // per_epoch, step, 40, per_epoch)


@pytest.mark.parametrize(("reduction", "divisor"), [("class_sum", 1.0), ("class_mean", 3.0)])
def test_the_consistency_is_the_weighted_squared_distance(reduction: str, divisor: float) -> None:
    strategy, student = started(consistency=7.0, reduction=reduction, ramp_epochs=4.0)
    step = batch()
    assert step.unlabelled is not None
    seen = [joined([step.labelled.views[view], step.unlabelled.views[view]]) for view in ("easy", "hard")]
    easy, hard = (student(*view).softmax(dim=1) for view in seen)
    losses = strategy.losses(student, step, progress(20))
    expected = 7.0 * sigmoid_ramp(2.0, 4.0) * (easy - hard).square().sum(dim=1).mean() / divisor
    torch.testing.assert_close(losses.terms["consistency"], expected)
    logits = student(*step.supervised.view)
    expected = nn.functional.cross_entropy(logits, torch.tensor([0, 1, 2, 0]))
    torch.testing.assert_close(losses.terms["cross_entropy"], expected)


def test_the_young_teacher_is_the_running_mean_of_its_students() -> None:
    strategy, student = started(decay=((0.0, 0.999),))
    seen = [copy.deepcopy(weight_of(student).data)]
    for step in range(1, 12):
        with torch.no_grad():
            weight_of(student).add_(torch.randn_like(weight_of(student)))
        strategy.after_step(student, progress(step))
        seen.append(copy.deepcopy(weight_of(student).data))
        torch.testing.assert_close(weight_of(strategy.teacher), torch.stack(seen).mean(dim=0))


def test_the_decay_follows_the_published_schedule() -> None:
    strategy, student = started()
    weight = weight_of(strategy.teacher)
    for step, decay in [(2, 0.5), (11, 0.9), (101, 0.99), (1001, 0.999)]:
        with torch.no_grad():
            weight.fill_(1.0)
            weight_of(student).zero_()
        strategy.after_step(student, progress(step))
        torch.testing.assert_close(weight, torch.full_like(weight, min(decay, 1 - 1 / (step + 1))))


@pytest.mark.parametrize("decay", [(), ((1.0, 0.5),), ((0.0, 0.5), (0.0, 0.9)), ((0.0, 1.0),)])
def test_a_schedule_must_start_at_zero_and_rise(decay: object) -> None:
    with pytest.raises(ValueError, match="decay"):
        MeanTeacherOptions.model_validate({"decay": decay})


def test_the_student_can_be_published_instead() -> None:
    strategy, student = started(publish="student")
    assert strategy.inference_model() is student
    assert started()[0].inference_model() is not student
