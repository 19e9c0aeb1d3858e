"""Learning rates as pure functions, beside torch's own schedulers; weight decay where it belongs."""

import pytest
import torch
from torch import nn

from deepnoise_core.contracts import OptimizerOptions, Progress, ScheduleOptions, TrainOptions
from deepnoise_core.engine.optimization import build_optimizer, rate_factor, set_rate


def at(step: int, per_epoch: int = 10, epochs: int = 8) -> Progress:
    return Progress(step // per_epoch, step, epochs, per_epoch)


def stepped(scheduler: torch.optim.lr_scheduler.LRScheduler, optimizer: torch.optim.Optimizer) -> float:
    optimizer.step()
    scheduler.step()
    return float(optimizer.param_groups[0]["lr"])


def bare() -> torch.optim.SGD:
    return torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0)


def test_the_cosine_is_torchs() -> None:
    optimizer = bare()
    oracle = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=80, eta_min=0.1)
    options = ScheduleOptions(name="cosine", final=0.1)
    for step in range(1, 81):
        assert rate_factor(options, at(step)) == pytest.approx(stepped(oracle, optimizer), abs=1e-9)


def test_steps_are_torchs() -> None:
    optimizer = bare()
    oracle = torch.optim.lr_scheduler.MultiStepLR(optimizer, [20, 50], gamma=0.3)
    options = ScheduleOptions(name="step", milestones=(2, 5), gamma=0.3)
    for step in range(1, 80):
        assert rate_factor(options, at(step)) == pytest.approx(stepped(oracle, optimizer))


def test_a_warm_up_rises_from_its_first_step_to_the_top() -> None:
    options = ScheduleOptions(name="constant", warmup_epochs=2)
    factors = [rate_factor(options, at(step)) for step in range(30)]
    assert factors[0] == pytest.approx(1 / 20)
    assert factors[19:] == pytest.approx([1.0] * 11)
    assert factors[:20] == sorted(factors[:20])


@pytest.mark.parametrize(
    ("name", "cls"), [("adamw", torch.optim.AdamW), ("adam", torch.optim.Adam), ("sgd", torch.optim.SGD)]
)
def test_biases_and_norms_are_not_decayed(name: str, cls: type) -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
    model[1].weight.requires_grad = False
    optimizer = build_optimizer(model, OptimizerOptions.model_validate({"name": name, "weight_decay": 0.5}))
    assert type(optimizer) is cls
    decayed, plain = optimizer.param_groups
    assert [tuple(p.shape) for p in decayed["params"]] == [(4, 3, 3, 3)]
    assert [tuple(p.shape) for p in plain["params"]] == [(4,), (4,)]
    assert (decayed["weight_decay"], plain["weight_decay"]) == (0.5, 0.0)


def test_the_rate_is_set_on_every_group() -> None:
    plan = TrainOptions(optimizer=OptimizerOptions(lr=0.4), schedule=ScheduleOptions(name="constant"))
    optimizer = build_optimizer(nn.Linear(2, 2), plan.optimizer)
    assert set_rate(optimizer, plan, at(3)) == pytest.approx(0.4)
    assert {group["lr"] for group in optimizer.param_groups} == {0.4}
