"""The mean teacher's options and losses by hand-computed values."""

import copy
from collections.abc import Callable
from functools import partial
from typing import cast

import numpy as np
import pytest
import torch
from scipy.special import log_softmax
from torch import Tensor, nn

from deepnoise_core.contracts import Batch, Progress, StepBatch, SupervisedBatch, View, ViewPlan
from deepnoise_core.contracts.protocols import Strategy
from deepnoise_core.engine.classifier import Classifier, joined
from deepnoise_core.engine.losses import hard_targets
from deepnoise_core.engine.ramps import sigmoid_ramp
from deepnoise_core.testing.networks import SmallHead, small_classifier
from deepnoise_core.testing.rehearsal import Rehearsal, pool_of_the_rehearsal, progress_at, random_batch
from deepnoise_plugins.mean_teacher.options import MeanTeacherOptions
from deepnoise_plugins.mean_teacher.strategy import MeanTeacher
from deepnoise_plugins.supervised.options import SupervisedOptions
from deepnoise_plugins.supervised.strategy import Supervised


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


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"ramp": "sigmoid", "ramp_epochs": 4.0}, sigmoid_ramp(2.0, 4.0)),
        ({"ramp": "linear", "ramp_epochs": 4.0}, 0.5),
        ({"ramp": "linear", "ramp_share": 0.4}, 2 / 16),
        ({"ramp": "sigmoid", "ramp_share": 0.4, "ramp_epochs": 1.0}, sigmoid_ramp(2.0, 16.0)),
        ({"ramp_share": 0.0}, 1.0),
    ],
)
def test_the_ramp_takes_epochs_or_a_share_of_training(options: dict[str, object], expected: float) -> None:
    strategy, student = started(**options)
    losses = strategy.losses(student, batch(), progress(20))
    assert losses.logs["ramp"].item() == pytest.approx(expected)
    ratio = losses.terms["consistency"] / losses.terms["cross_entropy"]
    torch.testing.assert_close(losses.logs["consistency_ratio"], ratio.detach())


@pytest.mark.parametrize("on_labelled", [True, False])
def test_kl_is_between_the_teacher_and_the_student_of_the_images_that_are_compared(*, on_labelled: bool) -> None:
    strategy, student = started(distance="kl", consistency=2.0, ramp_epochs=0.0, on_labelled=on_labelled)
    assert strategy.views.labelled == (("easy", "hard") if on_labelled else ())
    step = batch()
    assert step.unlabelled is not None
    parts = [step.labelled, step.unlabelled] if on_labelled else [step.unlabelled]
    easy, hard = (
        student(*joined([part.views[view] for part in parts])).detach().double().numpy()
        for view in ("easy", "hard")
    )
    said, known = log_softmax(easy, axis=1), log_softmax(hard, axis=1)
    expected = 2.0 * (np.exp(known) * (known - said)).sum(axis=1).mean()
    found = strategy.losses(student, step, progress(0)).terms["consistency"]
    assert found.item() == pytest.approx(expected, rel=1e-5)


def rehearsed(make: Callable[[], Strategy], steps: int, plan: ViewPlan) -> Rehearsal:
    job = Rehearsal(make, small_classifier())
    for step in range(steps):
        job.backward(random_batch(plan, step), step)
        job.optimizer.step()
        job.strategy.after_step(job.student, progress_at(step + 1))
    return job


def test_without_consistency_training_is_supervision_bit_for_bit() -> None:
    make = partial(MeanTeacher, MeanTeacherOptions(consistency=0.0))
    plan = make().views
    one = rehearsed(make, 6, plan).student.state_dict()
    other = rehearsed(partial(Supervised, SupervisedOptions()), 6, plan).student.state_dict()
    assert [name for name in one if not torch.equal(one[name], other[name])] == []


def test_a_ramp_that_starts_at_zero_leaves_the_gradient_of_supervision() -> None:
    make = partial(MeanTeacher, MeanTeacherOptions(ramp="linear"))
    plan = make().views
    one = Rehearsal(make, small_classifier())
    other = Rehearsal(partial(Supervised, SupervisedOptions()), small_classifier())
    for job in (one, other):
        job.backward(random_batch(plan, 0), step=0)
    assert all(torch.equal(*pair) for pair in zip(one.gradients(), other.gradients(), strict=True))
    one.backward(random_batch(plan, 0), step=3)
    assert not all(torch.equal(*pair) for pair in zip(one.gradients(), other.gradients(), strict=True))


@pytest.mark.parametrize("buffers", ["own", "copy", "average"])
def test_batch_statistics_of_the_teacher_follow_their_policy(buffers: str) -> None:
    options = MeanTeacherOptions.model_validate({"buffers": buffers, "decay": [[0, 0.5]]})
    job = Rehearsal(partial(MeanTeacher, options), small_classifier())
    strategy = cast(MeanTeacher, job.strategy)
    job.backward(random_batch(strategy.views, 0), step=0)
    name = "backbone.layers.1.running_mean"
    teachers, students = strategy.teacher.state_dict()[name].clone(), job.student.state_dict()[name]
    assert not torch.equal(teachers, students)
    strategy.after_step(job.student, progress_at(1))
    expected = {"own": teachers, "copy": students, "average": (teachers + students) / 2}[buffers]
    torch.testing.assert_close(strategy.teacher.state_dict()[name], expected)


def test_the_young_teacher_is_the_running_mean_of_its_students() -> None:
    strategy, student = started(decay=((0.0, 0.999),))
    seen = [copy.deepcopy(weight_of(student).data)]
    for step in range(1, 12):
        with torch.no_grad():
            weight_of(student).add_(torch.randn_like(weight_of(student)))
        strategy.after_step(student, progress(step))
        seen.append(copy.deepcopy(weight_of(student).data))
        torch.testing.assert_close(weight_of(strategy.teacher), torch.stack(seen).mean(dim=0))


def test_without_the_cap_the_first_average_is_the_scheduled_one() -> None:
    strategy, student = started(decay=((0.0, 0.999),), cap=False)
    weight = weight_of(strategy.teacher)
    with torch.no_grad():
        weight.fill_(1.0)
        weight_of(student).zero_()
    strategy.after_step(student, progress(1))
    torch.testing.assert_close(weight, torch.full_like(weight, 0.999))


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
