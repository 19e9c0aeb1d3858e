"""No step asks a GPU for anything, since the program would then wait until all that it was given is done.

Tensors without data stand for those on a GPU: whoever wants to know a value of one, or how many there are, fails.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import pytest
import torch
from accelerate import Accelerator
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

import deepnoise as dn
from deepnoise.api import installed
from deepnoise.jobs import job_of
from deepnoise.pixels import fitted_inputs
from deepnoise_core.contracts import Kind, Progress, Screen
from deepnoise_core.contracts.errors import InputError
from deepnoise_core.data.statistics import site_statistics
from deepnoise_core.engine.devices import Hardware
from deepnoise_core.engine.feeding import Feed
from deepnoise_core.engine.job import TrainingJob, planned_steps
from deepnoise_core.engine.observation import Silent
from deepnoise_core.engine.optimization import build_optimizer
from deepnoise_core.engine.pool import pool_of
from deepnoise_core.engine.stepping import Stepper
from deepnoise_core.engine.tally import Tally

GPU = torch.device("meta")
WEAK_STRONG = "augmentation={name: weak-strong, options: {strong: {noise: 0}}}"
STRATEGIES = sorted(offer.name for offer in installed().offers(Kind.STRATEGY))


@pytest.fixture(scope="module")
def screen() -> Screen:
    sites = dn.simulate("tiny")
    return replace(sites, statistics=site_statistics(sites))


class Copies(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Lets every copy to the GPU fail that is waited for: any but those of pinned memory that say so."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.pinned: list[Tensor] = []

    def __torch_dispatch__(
        self, func: Any, types: Sequence[type], args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        if func is torch.ops.aten._pin_memory.default:
            self.pinned.append(args[0])
            return args[0]
        if func is torch.ops.aten.is_pinned.default:
            return False
        found, given = (
            func(*args, **(kwargs or {})),
            [one for one in tree_leaves(args) if isinstance(one, Tensor)],
        )
        if func is torch.ops.aten._to_copy.default and found.device != given[0].device:
            assert any(given[0] is one for one in self.pinned), "memory is copied that is not pinned"
            assert (kwargs or {}).get("non_blocking"), "a copy is waited for"
        # Single numbers go along with the work that is given to a GPU.
        assert len({one.device for one in given if one.ndim}) <= 1, f"{func} copies what is not on the GPU"
        return found


def job(screen: Screen, strategy: str) -> TrainingJob:
    """A job on the GPU, with the tiny recipe's views or those that the strategy asks for."""
    sets = [f"strategy={strategy}", "train.batch_size=8"]
    recipe = dn.load_recipe("tiny", sets=sets)
    try:
        composition = dn.compose(recipe, screen)
    except InputError:
        recipe = dn.load_recipe("tiny", sets=[*sets, WEAK_STRONG])
        composition = dn.compose(recipe, screen)
    _, inputs = fitted_inputs(screen, composition.normalizer, recipe.data, GPU, Silent())
    made = job_of(composition, Hardware(GPU, "fp32"))
    return replace(made, student=made.student.to(GPU), inputs=inputs)


@pytest.mark.parametrize(
    "ask",
    [
        lambda values: torch.ones(2).to(GPU),
        lambda values: values.cpu(),
        lambda values: values.numpy(),
        lambda values: float(values.sum()),
        lambda values: bool(values.isfinite().all()),
        lambda values: values[values > 0],
        lambda values: values.nonzero(),
        lambda values: values[torch.tensor([1])],
        lambda values: values.copy_(torch.ones(2)),
    ],
)
def test_whoever_waits_is_found(ask: Callable[[Tensor], object]) -> None:
    with Copies(), pytest.raises((AssertionError, NotImplementedError, RuntimeError, TypeError)):
        ask(torch.zeros(2, device=GPU))


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_no_step_waits_for_a_gpu(strategy: str, screen: Screen, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deepnoise_core.engine.transfer._FROM_PINNED", (GPU.type,))
    # Tensors without data have no autocast to be left out of.
    monkeypatch.setattr(torch, "autocast", lambda *_, **__: nullcontext())
    made = job(screen, strategy)
    plan, steps = made.plan, planned_steps(made)
    feed = Feed(
        made.inputs,
        made.augmentation,
        made.labels,
        steps,
        made.strategy.views,
        made.seed,
        plan.mixing,
        plan.label_smoothing,
    )
    made.strategy.start(made.student, pool_of(made))
    optimizer = build_optimizer(made.student, plan.optimizer)
    step = Stepper(Accelerator(cpu=True), made.student, made.strategy, optimizer, plan, made.seed, Silent())
    tally = Tally()
    with Copies() as copies:
        portion = next(feed.rest_of_epoch(Progress(0, 0, 9, steps.per_epoch), 1))
        assert portion.batch is not None
        losses = step(portion.batch, Progress(0, 0, 9, steps.per_epoch))
        assert losses is not None
        made.strategy.after_step(made.student, Progress(0, 1, 9, steps.per_epoch))
        tally.add(losses, portion.labelled)
        sums = tally.tensors()
    assert copies.pinned
    assert all(one.device == GPU for one in sums.values())
