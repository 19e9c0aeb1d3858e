"""The running average: closed forms, buffer policies, and the loss beside it."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from timm.utils import ModelEmaV3
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from deepnoise_core.engine.ema import BufferPolicy, RunningAverage, clone_teacher, decay_at, teacher_tensors
from deepnoise_core.engine.losses import softmax_kl, softmax_mse
from deepnoise_core.engine.ramps import first_epoch, linear_ramp, sigmoid_ramp

# Odds of three classes, so that softmaxes are fractions: student (1/4, 1/4, 1/2) against teacher (1/2, 1/4, 1/4),
# (1/3, 1/3, 1/3) against (1/2, 1/4, 1/4), (4/5, 1/10, 1/10) against (1/10, 4/5, 1/10), and a last one alike.
STUDENT = [[1.0, 1.0, 2.0], [1.0, 1.0, 1.0], [8.0, 1.0, 1.0], [3.0, 2.0, 1.0]]
TEACHER = [[2.0, 1.0, 1.0], [2.0, 1.0, 1.0], [1.0, 8.0, 1.0], [3.0, 2.0, 1.0]]
# Squared distances by row: 1/16 + 0 + 1/16, 1/36 + 1/144 + 1/144, 49/100 + 49/100 + 0, and 0.
MSE = (1 / 8 + 1 / 24 + 49 / 50) / 4
# KL(teacher ‖ student) by row: ½ ln 2 − ¼ ln 2, ½ ln(3/2) + ½ ln(3/4), 7/10 ln 8, and 0.
KL = (math.log(2) / 4 + math.log(9 / 8) / 2 + 2.1 * math.log(2)) / 4


def distance_of(student: Tensor, teacher: Tensor, name: str) -> Tensor:
    if name == "kl":
        return softmax_kl(student, teacher)
    return softmax_mse(student, teacher, "class_sum" if name == "class_sum" else "class_mean")


class Network(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(2, 3, 3)
        self.norm = nn.BatchNorm2d(3)

    def forward(self, images: Tensor) -> Tensor:
        made: Tensor = self.norm(self.convolution(images))
        return made

    def statistics(self) -> tuple[Tensor, int]:
        assert self.norm.running_mean is not None
        assert self.norm.num_batches_tracked is not None
        return self.norm.running_mean.clone(), int(self.norm.num_batches_tracked)


def network() -> Network:
    torch.manual_seed(0)
    return Network()


def test_a_frozen_student_is_approached_in_closed_form() -> None:
    student, teacher = network(), clone_teacher(network())
    with torch.no_grad():
        for parameter in student.parameters():
            parameter.add_(1.0)
    start = [p.clone() for p in teacher.parameters()]
    average, product = RunningAverage(teacher, student, "own"), 1.0
    for step in range(1, 200):
        decay = decay_at(((0.0, 0.99),), 0.0, step)
        average.move(decay)
        product *= decay
    for mine, theirs, before in zip(teacher.parameters(), student.parameters(), start, strict=True):
        torch.testing.assert_close(mine, theirs + (before - theirs) * product, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("policy", ["own", "copy", "average"])
def test_buffers_follow_their_policy(policy: BufferPolicy) -> None:
    student = network().train()
    teacher = clone_teacher(student)
    student(torch.randn(8, 2, 6, 6) * 3 + 2)
    (before, _), (current, _) = teacher.statistics(), student.statistics()
    RunningAverage(teacher, student, policy).move(0.75)
    mean, batches = teacher.statistics()
    expected = {"own": before, "copy": current, "average": 0.75 * before + 0.25 * current}[policy]
    torch.testing.assert_close(mean, expected)
    assert batches == (0 if policy == "own" else 1)


def test_a_teacher_needs_no_gradient_and_shares_nothing() -> None:
    student = network()
    teacher = clone_teacher(student)
    assert not any(parameter.requires_grad for parameter in teacher.parameters())
    pairs = zip(teacher_tensors(teacher).values(), teacher_tensors(student).values(), strict=True)
    assert all(mine.data_ptr() != theirs.data_ptr() for mine, theirs in pairs)


@given(st.integers(1, 5000))
def test_a_young_average_is_a_running_mean(step: int) -> None:
    assert decay_at(((0.0, 0.999),), 0.0, step) == pytest.approx(min(0.999, step / (step + 1)))


@given(st.floats(0, 20), st.floats(0.1, 10))
def test_the_ramp_rises_from_e_to_the_minus_five_to_one(done: float, length: float) -> None:
    value = sigmoid_ramp(done, length)
    assert np.exp(-5) - 1e-12 <= value <= 1.0
    assert sigmoid_ramp(done + 0.5, length) >= value
    assert sigmoid_ramp(length, length) == 1.0


def test_no_ramp_is_one_at_once() -> None:
    assert sigmoid_ramp(0.0, 0.0) == 1.0


@pytest.mark.parametrize("classes", [2, 10, 1108])
def test_the_softmax_distance_is_numpys(classes: int) -> None:
    random = np.random.default_rng(classes)
    first, second = random.normal(size=(2, 6, classes)) * 3

    def softmax(logits: np.ndarray) -> np.ndarray:
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        return np.asarray(powers / powers.sum(axis=1, keepdims=True))

    expected = np.square(softmax(first) - softmax(second)).sum(axis=1).mean()
    student = torch.tensor(first, dtype=torch.float32, requires_grad=True)
    teacher = torch.tensor(second, dtype=torch.float32, requires_grad=True)
    summed = softmax_mse(student, teacher, "class_sum")
    assert float(summed.detach()) == pytest.approx(expected, rel=1e-4)
    mean = softmax_mse(student, teacher, "class_mean")
    assert float(mean.detach()) == pytest.approx(expected / classes, rel=1e-4)
    assert float(mean.detach()) <= 2 / classes
    gradients = torch.autograd.grad(summed, [student, teacher], allow_unused=True)
    assert gradients[0] is not None
    assert gradients[1] is None


@pytest.mark.parametrize(("distance", "expected"), [("class_sum", MSE), ("class_mean", MSE / 3), ("kl", KL)])
def test_distances_are_those_computed_by_hand(distance: str, expected: float) -> None:
    student, teacher = (torch.tensor(odds).log() for odds in (STUDENT, TEACHER))
    assert distance_of(student, teacher, distance).item() == pytest.approx(expected, rel=1e-6)
    assert distance_of(student + 7.0, teacher - 3.0, distance).item() == pytest.approx(expected, rel=1e-5)
    assert distance_of(teacher, teacher, distance).item() == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize("distance", ["class_sum", "kl"])
def test_distances_pull_the_student_alone(distance: str) -> None:
    student, teacher = (torch.tensor(odds).log().requires_grad_() for odds in (STUDENT, TEACHER))
    gradients = torch.autograd.grad(
        distance_of(student, teacher, distance), [student, teacher], allow_unused=True
    )
    pulled = gradients[0]
    assert pulled[:3].abs().sum(dim=1).gt(1e-3).all()
    assert pulled[3].abs().max() < 1e-7
    assert gradients[1] is None


def test_the_gradient_of_kl_is_the_difference_of_the_softmaxes() -> None:
    student, teacher = (torch.tensor(odds).log().requires_grad_() for odds in (STUDENT, TEACHER))
    (gradient,) = torch.autograd.grad(softmax_kl(student, teacher), [student])
    torch.testing.assert_close(gradient, (student.softmax(dim=1) - teacher.softmax(dim=1)).detach() / 4)


def test_the_average_is_that_of_timm_and_of_torch() -> None:
    student = network()
    teacher, timms = clone_teacher(student), ModelEmaV3(student, decay=0.99)
    torchs = AveragedModel(student, multi_avg_fn=get_ema_multi_avg_fn(0.99))  # type: ignore[no-untyped-call]
    torchs.update_parameters(student)  # The first update copies.
    average = RunningAverage(teacher, student, "own")
    for step in range(20):
        with torch.no_grad():
            for parameter in student.parameters():
                parameter.add_(torch.randn(parameter.shape, generator=torch.Generator().manual_seed(step)))
        average.move(0.99)
        timms.update(student)
        torchs.update_parameters(student)
        for mine, *others in zip(*(n.parameters() for n in (teacher, timms.module, torchs.module)), strict=True):
            for other in others:
                np.testing.assert_array_max_ulp(mine.detach().numpy(), other.detach().numpy(), maxulp=1)


def test_an_average_in_half_precision_is_kept_in_float32() -> None:
    student = network().bfloat16()
    teacher = clone_teacher(student)
    assert {tensor.dtype for tensor in teacher.parameters()} == {torch.float32}
    with torch.no_grad():
        for mine, theirs in zip(teacher.parameters(), student.parameters(), strict=True):
            mine.fill_(1.0)
            theirs.fill_(2.0)
    average = RunningAverage(teacher, student, "own")
    for _ in range(2000):
        average.move(0.999)
    for parameter in teacher.parameters():
        torch.testing.assert_close(parameter, torch.full_like(parameter, 2 - 0.999**2000), rtol=1e-4, atol=0)


def test_without_the_cap_the_schedule_is_all() -> None:
    assert decay_at(((0.0, 0.999),), 0.0, 1, cap=False) == 0.999
    assert decay_at(((0.0, 0.999),), 0.0, 1) == 0.5


@given(st.floats(-1, 20), st.floats(0, 10))
def test_the_linear_ramp_is_the_share_that_is_done(done: float, length: float) -> None:
    expected = 1.0 if length == 0 else float(np.clip(done / length, 0, 1))
    assert linear_ramp(done, length) == pytest.approx(expected)


def test_shares_of_training_begin_at_the_published_epochs() -> None:
    assert [first_epoch(0.125, epochs) for epochs in (165, 85, 85, 45)] == [20, 10, 10, 5]
    assert [first_epoch(share / 130, 130) for share in range(131)] == list(range(131))
