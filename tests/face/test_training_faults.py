"""Trainings whose losses are no numbers, that lack memory or disk, or that two processes want to write."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from filelock import FileLock
from torch import Tensor, nn

import deepnoise as dn
from deepnoise.api import installed
from deepnoise.training import Run, train_run
from deepnoise_core.contracts import Losses, Progress, Screen, StepBatch
from deepnoise_core.contracts.errors import OutputError, TrainingError
from deepnoise_core.engine.checkpoints import saved_steps
from deepnoise_core.engine.observation import Silent
from deepnoise_core.engine.weights import load_weights
from deepnoise_core.testing.notes import Notes
from deepnoise_plugins.mean_teacher.strategy import MeanTeacher

Tells = Callable[..., None]
Losing = Callable[[MeanTeacher, nn.Module, StepBatch, Progress], Losses]
LEARNS: Losing = MeanTeacher.losses
SETS = (
    "strategy.name=mean-teacher",
    "train.epochs=6",
    "train.max_steps=12",
    "train.checkpoints.minutes=0",
    "train.checkpoints.keep=99",
)


@pytest.fixture(scope="module")
def screen() -> Screen:
    return dn.simulate("tiny")


def trained(screen: Screen, out: Path, *sets: str, observer: Silent | None = None) -> Run:
    recipe = dn.load_recipe("tiny", sets=[*SETS, *sets])
    run = dn.train(recipe, screen, out, device="cpu", observer=observer)
    assert isinstance(run, Run)
    return run


def not_finite_at(*steps: int) -> Losing:
    """Losses that are no numbers in some steps, counted from 1, after all else that a forward pass changes."""

    def losses(self: MeanTeacher, student: nn.Module, batch: StepBatch, progress: Progress) -> Losses:
        made = LEARNS(self, student, batch, progress)
        wrong = progress.step + 1 in steps
        return Losses(
            {name: value * float("nan") if wrong else value for name, value in made.terms.items()}, made.logs
        )

    return losses


def test_a_loss_that_is_no_number_names_step_and_sites(
    screen: Screen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tells_of: Tells
) -> None:
    seen: dict[int, list[str]] = {}

    def losses(self: MeanTeacher, student: nn.Module, batch: StepBatch, progress: Progress) -> Losses:
        sites = screen.sites["site_id"].to_list()
        seen[progress.step + 1] = [sites[row] for row in batch.supervised.rows.tolist()]
        return not_finite_at(7, 9)(self, student, batch, progress)

    monkeypatch.setattr(MeanTeacher, "losses", losses)
    with pytest.raises(
        TrainingError, match=r"not a number in step 7 \(epoch \d\), whose sites are (.*) and"
    ) as raised:
        trained(screen, tmp_path / "run")
    assert str(seen[7][0]) in str(raised.value)
    tells_of("a loss is no number", raised.value, 2)
    assert saved_steps(tmp_path / "run" / "checkpoints")[0] == 6, "a state was saved of what is no number"


def test_steps_without_a_finite_loss_are_left_out_as_if_they_had_not_been(
    screen: Screen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tells_of: Tells
) -> None:
    notes = Notes()
    monkeypatch.setattr(MeanTeacher, "losses", not_finite_at(3, 8))
    run = trained(screen, tmp_path / "run", "train.skip_nonfinite=2", observer=notes)
    told = [note for note in notes.told if "left out step" in note]
    assert [note.split()[3] for note in told] == ["3", "8"]
    tells_of("the same with `train.skip_nonfinite`", told[0])
    assert run.card["steps"] == 12
    states = [load_state(tmp_path / "run", step) for step in (2, 3)]
    for part in ("student", "strategy", "optimizer"):
        before, after = (state[part] for state in states)
        assert before.keys() == after.keys()
        assert all(torch.equal(before[name], after[name]) for name in before), part


def test_too_many_steps_without_a_finite_loss_stop_the_training(
    screen: Screen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tells_of: Tells
) -> None:
    monkeypatch.setattr(MeanTeacher, "losses", not_finite_at(3, 8))
    with pytest.raises(
        TrainingError, match=r"in 2 steps, more than train.skip_nonfinite: 1 allows, last in step 8 "
    ) as raised:
        trained(screen, tmp_path / "run", "train.skip_nonfinite=1")
    tells_of("more such steps than it allows", raised.value, 2)


def too_small_for(images: int) -> Losing:
    """A device that holds no more labelled images at once than these."""

    def losses(self: MeanTeacher, student: nn.Module, batch: StepBatch, progress: Progress) -> Losses:
        made = LEARNS(self, student, batch, progress)
        if len(batch.supervised.rows) > images:
            raise torch.OutOfMemoryError("tried to allocate 20 GiB\nwith more lines")
        return made

    return losses


def test_without_memory_a_batch_is_learned_from_in_more_parts(
    screen: Screen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tells_of: Tells
) -> None:
    notes = Notes()
    monkeypatch.setattr(MeanTeacher, "losses", too_small_for(5))
    trained(screen, tmp_path / "run", observer=notes)
    told = [note for note in notes.told if "memory" in note]
    assert [note.partition(" parts")[0][-1] for note in told] == ["2", "4"]
    assert all("at step 1;" in note for note in told)
    tells_of("a batch does not fit the device", told[0])
    assert load_record(tmp_path / "run", 12)["parts"] == 4


def test_where_two_images_do_not_fit_the_training_stops(
    screen: Screen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tells_of: Tells
) -> None:
    monkeypatch.setattr(MeanTeacher, "losses", too_small_for(1))
    with pytest.raises(
        TrainingError, match=r"a part of 2 labelled images does not fit the memory of cpu \(tried to"
    ) as raised:
        trained(screen, tmp_path / "run")
    tells_of("two images do not fit it", raised.value, 2)
    assert not (tmp_path / "run").exists()


def test_other_faults_of_a_network_are_not_taken_for_a_lack_of_memory(
    screen: Screen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def losses(self: MeanTeacher, student: nn.Module, batch: StepBatch, progress: Progress) -> Losses:
        raise RuntimeError("a fault of its own")

    monkeypatch.setattr(MeanTeacher, "losses", losses)
    with pytest.raises(RuntimeError, match="a fault of its own"):
        trained(screen, tmp_path / "run")


def test_two_trainings_do_not_write_one_folder(screen: Screen, tmp_path: Path, tells_of: Tells) -> None:
    (tmp_path / "run").mkdir()
    with (
        FileLock(tmp_path / "run" / ".lock"),
        pytest.raises(OutputError) as raised,
    ):
        train_run(
            dn.load_recipe("tiny", sets=SETS), screen, tmp_path / "run", installed(), device="cpu", resume=True
        )
    tells_of("another process trains there", raised.value, 2)


def load_state(run: Path, step: int) -> dict[str, dict[str, Tensor]]:
    folder = run / "checkpoints" / f"step-{step:08}"
    return {part: load_weights(folder / f"{part}.safetensors") for part in ("student", "strategy", "optimizer")}


def load_record(run: Path, step: int) -> dict[str, Any]:
    record: dict[str, Any] = json.loads((run / "checkpoints" / f"step-{step:08}" / "state.json").read_text())
    return record
