"""The precision and order of images that a run takes where its recipe leaves them open."""

from __future__ import annotations

import functools
import warnings
from pathlib import Path

import pytest
import torch
from torch import nn

import deepnoise as dn
from deepnoise.api import installed
from deepnoise.jobs import job_of, prepared
from deepnoise.pace import at_pace
from deepnoise_core.contracts import Screen
from deepnoise_core.contracts.errors import TrainingError
from deepnoise_core.engine import probing
from deepnoise_core.engine.compiling import compile_for_training
from deepnoise_core.engine.devices import Hardware, pick_hardware
from deepnoise_core.engine.job import TrainingJob
from deepnoise_core.engine.probing import open_ways, probe
from deepnoise_core.testing.notes import Notes

CPU = pick_hardware("cpu")
CONTIGUOUS = pick_hardware("cpu", "fp32", "contiguous")


@pytest.fixture(scope="module")
def screen() -> Screen:
    return dn.simulate("tiny")


@pytest.fixture
def job(screen: Screen) -> TrainingJob:
    recipe = dn.load_recipe("tiny", sets=["train.epochs=1000"])
    return job_of(*prepared(recipe, screen, installed(), "cpu"))


def measured(monkeypatch: pytest.MonkeyPatch, rates: dict[Hardware, float]) -> None:
    monkeypatch.setattr(probing, "rates_of", lambda learners, device: {way: rates[way] for way in learners})
    monkeypatch.setattr(probing, "_has_bfloat16", lambda: False)


def test_what_a_recipe_says_is_not_probed(job: TrainingJob, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probing, "_has_bfloat16", lambda: True)
    ways = [(way.precision, way.memory_format) for way in open_ways(job.plan, CPU)]
    formats = ("channels_last", "contiguous")
    assert ways == [(precision, one) for precision in ("fp32", "bf16") for one in formats]
    fixed = job.plan.model_copy(update={"precision": "fp32"})
    assert list(open_ways(fixed, CPU)) == [CPU, CONTIGUOUS]
    assert list(open_ways(fixed.model_copy(update={"memory_format": "channels_last"}), CPU)) == [CPU]


def test_short_trainings_take_the_usual_way_unprobed(screen: Screen) -> None:
    composition, hardware = prepared(dn.load_recipe("tiny"), screen, installed(), "cpu")
    assert probe(job_of(composition, hardware), hardware) is None
    assert hardware == CPU


def test_a_probe_leaves_no_trace(job: TrainingJob, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probing, "_SECONDS", 0.0)
    torch.manual_seed(3)
    random, before = torch.get_rng_state(), {k: v.clone() for k, v in job.student.state_dict().items()}
    mode = job.student.training
    found = probe(job, CPU)
    assert found is not None
    assert {"fp32", "fp32, contiguous"} <= set(found.rates)
    assert all(rate > 0 for rate in found.rates.values())
    assert torch.equal(torch.get_rng_state(), random)
    assert job.student.training == mode
    for name, value in job.student.state_dict().items():
        assert torch.equal(value, before[name]), name


@pytest.mark.parametrize(("faster", "chosen"), [(1.2, CPU), (1.3, CONTIGUOUS)])
def test_another_way_must_be_much_faster(
    faster: float, chosen: Hardware, job: TrainingJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured(monkeypatch, {CPU: 1.0, CONTIGUOUS: faster})
    found = probe(job, CPU)
    assert found is not None
    assert found.chosen == chosen


def test_a_run_says_how_to_take_its_way_again(job: TrainingJob, monkeypatch: pytest.MonkeyPatch) -> None:
    measured(monkeypatch, {CPU: 1.0, CONTIGUOUS: 2.0})
    notes = Notes()
    hardware, pace = at_pace(job, CPU, None, notes)
    assert hardware == CONTIGUOUS
    assert "--set train.precision=fp32 train.memory_format=contiguous" in notes.told[0]
    measured(monkeypatch, {CPU: 2.0, CONTIGUOUS: 1.0})
    assert at_pace(job, CPU, pace, notes) == (CONTIGUOUS, pace)
    assert len(notes.told) == 1


def test_a_run_learns_in_the_order_that_its_recipe_names(screen: Screen, tmp_path: Path) -> None:
    sets = ["train.memory_format=contiguous", "train.max_steps=2"]
    card = dn.train(dn.load_recipe("tiny", sets=sets), screen, tmp_path / "run", device="cpu").card
    assert card["pace"]["memory_format"] == "contiguous"
    assert card["hardware"].endswith("fp32, contiguous")


def test_compiled_networks_learn_the_same(
    screen: Screen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The compiler in front of the generated code, which takes minutes to be made.
    monkeypatch.setattr(torch, "compile", functools.partial(torch.compile, backend="aot_eager"))
    monkeypatch.setattr(nn.Module, "compile", functools.partialmethod(nn.Module.compile, backend="aot_eager"))
    losses = []
    for compiled in ("false", "true"):
        sets = [f"train.compile={compiled}", "train.max_steps=2", "strategy=supervised"]
        run = dn.train(dn.load_recipe("tiny", sets=sets), screen, tmp_path / compiled, device="cpu")
        losses.append(run.card["best"]["loss/cross_entropy"])
    assert losses[1] == pytest.approx(losses[0], rel=1e-4)


def test_a_missing_compiler_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(function: object) -> object:
        raise RuntimeError("no C++ compiler was found\nat all")

    monkeypatch.setattr(torch, "compile", fail)
    with pytest.raises(TrainingError, match=r"train\.compile: .*no C\+\+ compiler was found\); install"):
        compile_for_training(torch.device("cpu"), nn.Linear(2, 2))


def test_a_compiler_that_warns_of_itself_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    def grumble(function: object) -> object:
        warnings.warn("an old way of doing it", DeprecationWarning, stacklevel=1)
        return function

    monkeypatch.setattr(torch, "compile", grumble)
    compile_for_training(torch.device("cpu"))
