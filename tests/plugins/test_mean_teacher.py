"""The mean teacher's options and losses by hand-computed values."""

import copy

import pytest
import torch
from torch import Tensor, nn

from deepnoise_core.contracts import Batch, LabelledBatch, Progress, StepBatch
from deepnoise_core.engine.ramps import sigmoid_ramp
from deepnoise_plugins.mean_teacher.options import MeanTeacherOptions
from deepnoise_plugins.mean_teacher.strategy import MeanTeacher


class Student(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(2, 3)

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        made: Tensor = self.linear(images.flatten(1))
        return made


def started(**options: object) -> tuple[MeanTeacher, Student]:
    torch.manual_seed(0)
    strategy, student = MeanTeacher(MeanTeacherOptions.model_validate(options)), Student()
    strategy.start(student)
    return strategy, student


def teacher_weight(strategy: MeanTeacher) -> Tensor:
    assert isinstance(strategy.teacher, Student)
    return strategy.teacher.linear.weight


def batch() -> StepBatch:
    torch.manual_seed(1)

    def views(size: int, *names: str) -> dict[str, Tensor]:
        return {name: torch.randn(size, 2, 1, 1) for name in names}

    known = LabelledBatch(torch.arange(4), views(4, "easy", "normal", "hard"), torch.tensor([0, 1, 2, 0]))
    return StepBatch(known, Batch(torch.arange(2), views(2, "easy", "hard")))


def progress(step: int, per_epoch: int = 10) -> Progress:
    return Progress(step // per_epoch, step, 40, per_epoch)


@pytest.mark.parametrize(("reduction", "divisor"), [("class_sum", 1.0), ("class_mean", 3.0)])
def test_the_consistency_is_the_weighted_squared_distance(reduction: str, divisor: float) -> None:
    strategy, student = started(consistency=7.0, reduction=reduction, ramp_epochs=4.0)
    step = batch()
    assert step.unlabelled is not None
    seen = [torch.cat([step.labelled.views[view], step.unlabelled.views[view]]) for view in ("easy", "hard")]
    easy, hard = (student(images).softmax(dim=1) for images in seen)
    losses = strategy.losses(student, step, progress(20))
    expected = 7.0 * sigmoid_ramp(2.0, 4.0) * (easy - hard).square().sum(dim=1).mean() / divisor
    torch.testing.assert_close(losses.terms["consistency"], expected)
    logits = student(step.labelled.views["normal"])
    torch.testing.assert_close(
        losses.terms["cross_entropy"], nn.functional.cross_entropy(logits, step.labelled.labels)
    )


def test_the_young_teacher_is_the_running_mean_of_its_students() -> None:
    strategy, student = started(decay=((0.0, 0.999),))
    seen = [copy.deepcopy(student.linear.weight.data)]
    for step in range(1, 12):
        with torch.no_grad():
            student.linear.weight.add_(torch.randn_like(student.linear.weight))
        strategy.after_step(student, progress(step))
        seen.append(copy.deepcopy(student.linear.weight.data))
        torch.testing.assert_close(teacher_weight(strategy), torch.stack(seen).mean(dim=0))


def test_the_decay_follows_the_published_schedule() -> None:
    strategy, student = started()
    weight = teacher_weight(strategy)
    for step, decay in [(2, 0.5), (11, 0.9), (101, 0.99), (1001, 0.999)]:
        with torch.no_grad():
            weight.fill_(1.0)
            student.linear.weight.zero_()
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
