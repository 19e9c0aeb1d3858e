"""Optimisers: weight decay where it belongs, and steps like torch's own."""

import pytest
import torch
from torch import nn

from deepnoise_core.contracts import OptimizerOptions, Progress, ScheduleOptions, TrainOptions
from deepnoise_core.engine.optimization import (
    build_optimizer,
    optimizer_tensors,
    restore_optimizer,
    set_rate,
)


def at(step: int, per_epoch: int = 10, epochs: int = 8) -> Progress:
    return Progress(step // per_epoch, step, epochs, per_epoch)


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
    set_rate(optimizer, plan, at(3))
    assert {group["lr"] for group in optimizer.param_groups} == {0.4}


@pytest.mark.parametrize("name", ["adamw", "adam", "sgd"])
def test_what_is_remembered_goes_on_in_the_order_of_the_weights(name: str) -> None:
    torch.manual_seed(0)
    networks = [nn.Conv2d(3, 4, 3).to(memory_format=torch.channels_last) for _ in range(2)]
    options = OptimizerOptions.model_validate({"name": name})
    going_on, restored = (build_optimizer(network, options) for network in networks)
    images = torch.rand(2, 3, 8, 8)
    learn(networks[0], going_on, images)
    networks[1].load_state_dict(networks[0].state_dict())
    saved = {
        key: value.clone(memory_format=torch.contiguous_format)
        for key, value in optimizer_tensors(going_on).items()
    }
    restore_optimizer(restored, saved)
    for network, optimizer in zip(networks, (going_on, restored), strict=True):
        learn(network, optimizer, images)
    assert torch.equal(networks[0].weight, networks[1].weight)


def learn(network: nn.Module, optimizer: torch.optim.Optimizer, images: torch.Tensor) -> None:
    optimizer.zero_grad()
    network(images).square().mean().backward()
    optimizer.step()


def test_all_parameters_decay_where_asked_as_published() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
    decayed, plain = build_optimizer(model, OptimizerOptions(decay="all", weight_decay=0.5)).param_groups
    assert sum(p.numel() for p in decayed["params"]) == sum(p.numel() for p in model.parameters())
    assert plain["params"] == []


def test_sgd_without_momentum_is_the_gradient_and_the_decay_alone() -> None:
    options = OptimizerOptions(name="sgd", lr=0.1, weight_decay=0.2, momentum=0.0, decay="all")
    weight = nn.Linear(1, 1, bias=False)
    optimizer = build_optimizer(weight, options)
    assert not any(group["nesterov"] for group in optimizer.param_groups)
    expected = weight.weight.item()
    for _ in range(3):
        weight.weight.grad = weight.weight.detach().clone()
        optimizer.step()
        expected -= 0.1 * (expected + 0.2 * expected)
    assert weight.weight.item() == pytest.approx(expected, rel=1e-6)
