"""The running average: closed forms, buffer policies, and the loss beside it."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from deepnoise_core.engine.ema import BufferPolicy, RunningAverage, clone_teacher, decay_at, teacher_tensors
from deepnoise_core.engine.losses import softmax_mse
from deepnoise_core.engine.ramps import sigmoid_ramp


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
