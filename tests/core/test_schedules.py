"""Learning rates beside torch's own schedulers, closed formulas, and the published rates of published epochs."""

import math
from typing import get_args

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from torch import nn
from torch.optim.lr_scheduler import (
    CosineAnnealingLR,
    CosineAnnealingWarmRestarts,
    LRScheduler,
    MultiStepLR,
    OneCycleLR,
)

from deepnoise_core.contracts import Progress, ScheduleOptions, SchedulePiece
from deepnoise_core.contracts.plan import ScheduleName
from deepnoise_core.engine.schedules import rate_factor

STAGE_ONE = ScheduleOptions(name="step", milestones=(99, 139), factors=(0.3, 0.1, 0.01))
STAGE_TWO = ScheduleOptions(name="cosine-restarts", cycles=4, final=0.01, tail_epochs=5, tail=0.001)
FIRST_PLACE = ScheduleOptions(
    name="piecewise-cosine",
    pieces=(SchedulePiece(epoch=0, period=90), SchedulePiece(epoch=90, start=0.4, period=60)),
)
EXAMPLES = (
    ScheduleOptions(name="constant", warmup_epochs=2),
    ScheduleOptions(name="cosine", warmup_epochs=1.5, final=0.1),
    ScheduleOptions(name="cosine-7-16"),
    STAGE_TWO,
    FIRST_PLACE,
    ScheduleOptions(name="one-cycle", rise=0.2),
    STAGE_ONE,
)


def at(step: int, per_epoch: int = 10, epochs: int = 8) -> Progress:
    return Progress(step // per_epoch, step, epochs, per_epoch)


def bare() -> torch.optim.SGD:
    return torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0)


def stepped(scheduler: LRScheduler) -> float:
    scheduler.optimizer.step()
    scheduler.step()
    return float(scheduler.optimizer.param_groups[0]["lr"])


def test_the_cosine_is_torchs() -> None:
    oracle = CosineAnnealingLR(bare(), T_max=80, eta_min=0.1)
    options = ScheduleOptions(name="cosine", final=0.1)
    for step in range(1, 81):
        assert rate_factor(options, at(step)) == pytest.approx(stepped(oracle), abs=1e-9)


def test_steps_are_torchs() -> None:
    oracle = MultiStepLR(bare(), [20, 50], gamma=0.3)
    options = ScheduleOptions(name="step", milestones=(2, 5), gamma=0.3)
    for step in range(1, 80):
        assert rate_factor(options, at(step)) == pytest.approx(stepped(oracle))


@pytest.mark.parametrize("epochs", [165, 85, 45])
def test_restarts_are_torchs_until_the_tail(epochs: int) -> None:
    per_epoch, length = 7, (epochs - 5) // 4
    optimizer = bare()
    oracle = CosineAnnealingWarmRestarts(optimizer, T_0=length, eta_min=0.01)
    for step in range((epochs - 5) * per_epoch):
        oracle.step(step / per_epoch)
        rate = optimizer.param_groups[0]["lr"]
        assert rate_factor(STAGE_TWO, at(step, per_epoch, epochs)) == pytest.approx(rate, abs=1e-9)
    tail = {rate_factor(STAGE_TWO, at(step, 7, epochs)) for step in range((epochs - 5) * 7, epochs * 7)}
    assert tail == {0.001}


@given(cycles=st.integers(1, 60), length=st.integers(1, 30), per_epoch=st.integers(1, 50))
def test_every_cycle_begins_at_the_top(cycles: int, length: int, per_epoch: int) -> None:
    options = ScheduleOptions(name="cosine-restarts", cycles=cycles, tail_epochs=2)
    for cycle in range(cycles):
        progress = at(cycle * length * per_epoch, per_epoch, cycles * length + 2)
        assert rate_factor(options, progress) == pytest.approx(1.0)


def test_one_cycle_is_torchs() -> None:
    # torch counts from the first step to the last: both ends are reached, with one interval less than steps.
    oracle = OneCycleLR(bare(), 1.0, total_steps=81, pct_start=25 / 81, div_factor=25, final_div_factor=1e4)
    options = ScheduleOptions(name="one-cycle", rise=24 / 80, start=1 / 25, final=1 / 25e4)
    assert rate_factor(options, at(0)) == pytest.approx(0.04)
    for step in range(1, 81):
        assert rate_factor(options, at(step)) == pytest.approx(stepped(oracle), abs=1e-9)


def test_fixmatchs_cosine_is_its_formula() -> None:
    options = ScheduleOptions(name="cosine-7-16")
    for step in range(81):
        assert rate_factor(options, at(step)) == pytest.approx(math.cos(7 * math.pi * step / (16 * 80)))


@pytest.mark.parametrize(
    ("epoch", "rate"), [(1, 3e-4), (99, 3e-4), (100, 1e-4), (139, 1e-4), (140, 1e-5), (160, 1e-5)]
)
def test_the_first_stage_has_deepnoises_rates(epoch: int, rate: float) -> None:
    for step in range((epoch - 1) * 3, epoch * 3):
        assert 1e-3 * rate_factor(STAGE_ONE, at(step, 3, 160)) == pytest.approx(rate, rel=1e-12)


@pytest.mark.parametrize(
    ("epochs", "done", "rate"),
    [
        *[(165, 0, 0.1), (165, 20, 0.0505), (165, 40, 0.1), (165, 120, 0.1), (165, 160, 1e-4), (165, 164, 1e-4)],
        *[(85, 20, 0.1), (85, 10, 0.0505), (85, 80, 1e-4), (45, 10, 0.1), (45, 40, 1e-4)],
    ],
)
def test_the_second_stage_has_deepnoises_rates(epochs: int, done: int, rate: float) -> None:
    assert 0.1 * rate_factor(STAGE_TWO, at(done * 3, 3, epochs)) == pytest.approx(rate, rel=1e-9)


@pytest.mark.parametrize(
    ("done", "rate"), [(0, 1.5e-4), (30, 1.125e-4), (45, 7.5e-5), (60, 3.75e-5), (90, 6e-5), (130, 1.5e-5)]
)
def test_the_first_place_has_its_rates(done: int, rate: float) -> None:
    assert 1.5e-4 * rate_factor(FIRST_PLACE, at(done * 3, 3, 130)) == pytest.approx(rate, rel=1e-9)


def test_a_warm_up_rises_from_its_first_step_to_the_top() -> None:
    options = ScheduleOptions(name="constant", warmup_epochs=2)
    factors = [rate_factor(options, at(step)) for step in range(30)]
    assert factors[0] == pytest.approx(1 / 20)
    assert factors[19:] == pytest.approx([1.0] * 11)
    assert factors[:20] == sorted(factors[:20])


@given(
    options=st.sampled_from(EXAMPLES),
    epochs=st.integers(1, 200),
    per_epoch=st.integers(1, 9),
    data=st.data(),
)
def test_a_factor_is_between_zero_and_one_whatever_the_length(
    options: ScheduleOptions, epochs: int, per_epoch: int, data: st.DataObject
) -> None:
    step = data.draw(st.integers(0, epochs * per_epoch))
    assert 0.0 <= rate_factor(options, at(step, per_epoch, epochs)) <= 1.0


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (
            {"name": "constant", "final": 0.1},
            "final is of cosine, cosine-restarts, one-cycle and not of",
        ),
        ({"name": "cosine", "gamma": 0.3}, "gamma is of step and not of cosine; remove it"),
        ({"name": "one-cycle", "warmup_epochs": 1}, "warmup_epochs is of constant, cosine"),
        ({"name": "step", "milestones": [2], "gamma": 0.3, "factors": [1, 0.1]}, "gamma or factors"),
        ({"name": "step", "milestones": [2, 3], "factors": [1, 0.1]}, "2 milestones need 3 factors.*are 2"),
        ({"name": "step", "milestones": [3, 3]}, "milestones must rise"),
        ({"name": "piecewise-cosine"}, "must start at 0 and rise"),
        ({"name": "piecewise-cosine", "pieces": [{"epoch": 1, "period": 2}]}, "must start at 0 and rise"),
    ],
)
def test_options_that_do_not_go_together_are_named(options: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        ScheduleOptions.model_validate(options)


@pytest.mark.parametrize("options", EXAMPLES, ids=[one.name for one in EXAMPLES])
def test_options_written_out_in_full_are_accepted_again(options: ScheduleOptions) -> None:
    assert ScheduleOptions.model_validate(options.model_dump()) == options


def test_there_is_an_example_of_every_schedule() -> None:
    assert {one.name for one in EXAMPLES} == set(get_args(ScheduleName))
