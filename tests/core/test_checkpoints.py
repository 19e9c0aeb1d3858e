"""States that are saved while a training goes on, whatever happens to them."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from deepnoise_core.contracts import CheckpointOptions
from deepnoise_core.contracts.errors import ModelError, OutputError
from deepnoise_core.engine.checkpoints import Checkpoints, State, newest_state, saved_steps


class Clock:
    """Seconds that a test sets, and that saving takes."""

    def __init__(self, cost: float = 0.0) -> None:
        self.now, self.cost = 0.0, cost

    def __call__(self) -> float:
        self.now += self.cost / 2
        return self.now


def state(step: int) -> State:
    return State(
        step, {"student": {"weight": torch.full((3,), float(step))}, "tally": {}}, {"best": {"step": step}}
    )


def saved(folder: Path, *steps: int, keep: int = 2) -> Checkpoints:
    checkpoints = Checkpoints(folder, CheckpointOptions(keep=keep))
    for step in steps:
        checkpoints.save(state(step))
    return checkpoints


def test_the_newest_stay(tmp_path: Path) -> None:
    saved(tmp_path / "states", 1, 2, 30, keep=2)
    assert saved_steps(tmp_path / "states") == (30, 2)
    found, notes = newest_state(tmp_path / "states")
    assert (found.step, found.record, notes) == (30, {"best": {"step": 30}}, ())
    assert torch.equal(found.tensors["student"]["weight"], torch.full((3,), 30.0))
    assert found.tensors["tally"] == {}


def test_records_of_what_is_left_are_told(tmp_path: Path) -> None:
    checkpoints = saved(tmp_path, 1, 2)
    assert [one["step"] for one in checkpoints.save(state(3))] == [3, 2]


@pytest.mark.parametrize(
    "damage", ["flip", "cut", "empty", "missing", "no record", "half a record", "another format"]
)
def test_a_damaged_state_gives_way_to_the_one_before_it(damage: str, tmp_path: Path) -> None:
    saved(tmp_path, 7, 8)
    weights, record = (
        tmp_path / "step-00000008" / "student.safetensors",
        tmp_path / "step-00000008" / "state.json",
    )
    content = weights.read_bytes()
    if damage == "flip":
        weights.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    elif damage in ("cut", "empty"):
        weights.write_bytes(content[: -3 if damage == "cut" else 0])
    elif damage == "missing":
        weights.unlink()
    elif damage == "no record":
        record.unlink()
    else:
        text = record.read_text()
        record.write_text(
            text[: len(text) // 2] if damage == "half a record" else text.replace('"format": 2', '"format": 9')
        )
    found, (note,) = newest_state(tmp_path)
    assert found.step == 7
    assert str(tmp_path / "step-00000008") in note
    assert note.endswith("going on from the checkpoint before it, of step 7")


def test_a_damaged_state_of_a_later_step_takes_no_place_from_whole_ones(tmp_path: Path) -> None:
    saved(tmp_path, 7, 30)
    (tmp_path / "step-00000030" / "student.safetensors").unlink()
    saved(tmp_path, 8, 9)
    assert saved_steps(tmp_path) == (9, 8)


def test_without_a_whole_state_there_is_nothing_to_go_on_from(
    tmp_path: Path, tells_of: Callable[..., None]
) -> None:
    with pytest.raises(ModelError, match="holds none; train again to another folder"):
        newest_state(tmp_path)
    saved(tmp_path, 7)
    (tmp_path / "step-00000007" / "tally.safetensors").unlink()
    with pytest.raises(ModelError, match=r"no checkpoint is whole: .*tally\.safetensors") as raised:
        newest_state(tmp_path)
    tells_of("all of them are", raised.value, 2)


def test_a_state_of_another_format_is_not_read(tmp_path: Path, tells_of: Callable[..., None]) -> None:
    saved(tmp_path, 7)
    record = tmp_path / "step-00000007" / "state.json"
    record.write_text(json.dumps({**json.loads(record.read_text()), "format": 99}))
    with pytest.raises(ModelError) as raised:
        newest_state(tmp_path)
    tells_of("a checkpoint is of another format", raised.value, 2)


def test_what_a_crash_leaves_beside_counts_for_nothing(tmp_path: Path) -> None:
    saved(tmp_path, 7)
    (tmp_path / "step-00000009.partial").mkdir()
    assert saved_steps(tmp_path) == (7,)
    saved(tmp_path, 9)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["step-00000007", "step-00000009"]


def test_a_full_disk_loses_no_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoints = saved(tmp_path, 7)

    def full(path: Path, tensors: object) -> None:
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("deepnoise_core.engine.checkpoints.save_weights", full)
    with pytest.raises(OutputError, match="the disk is full"):
        checkpoints.save(state(8))
    assert [one.name for one in tmp_path.iterdir()] == ["step-00000007"]


def test_saving_is_due_after_the_interval_and_takes_a_hundredth_of_the_time_at_most(tmp_path: Path) -> None:
    clock = Clock()
    checkpoints = Checkpoints(tmp_path, CheckpointOptions(minutes=1), clock)
    clock.now = 59
    assert not checkpoints.due()
    clock.now = 60
    assert checkpoints.due()
    clock.cost = 4
    checkpoints.save(state(1))  # takes 2 seconds of this clock
    ended, clock.cost = clock.now, 0
    clock.now = ended + 199
    assert not checkpoints.due()
    clock.now = ended + 200
    assert checkpoints.due()


def test_without_an_interval_every_step_is_saved(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path, CheckpointOptions(minutes=0), Clock(cost=5))
    assert checkpoints.due()
    checkpoints.save(state(1))
    assert checkpoints.due()
