"""Trackers hear of every epoch, are asked for before training, and never end it."""

import importlib.util
import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from accelerate.tracking import LOGGER_TYPE_TO_CLASS, GeneralTracker

import deepnoise as dn
from deepnoise_core.contracts.errors import InputError
from deepnoise_core.testing.notes import Notes

Run = Callable[..., subprocess.CompletedProcess[str]]

SETS = ["strategy=supervised", "train.epochs=2", "train.batch_size=8"]


class Diary(GeneralTracker):  # type: ignore[misc]
    """A tracker as accelerate wants it, that remembers."""

    name = "trackio"
    requires_logging_directory = False
    fails_at: int | None = None
    kept: list[tuple[str, Any]]

    def __init__(self, project: str, **options: Any) -> None:
        super().__init__()
        self.kept.append(("made", (project, options)))

    @property
    def tracker(self) -> object:
        return self

    def store_init_configuration(self, values: Mapping[str, Any]) -> None:
        self.kept.append(("facts", values))

    def log(self, values: Mapping[str, Any], step: int | None = None, **_: Any) -> None:
        if step == self.fails_at:
            raise ConnectionError("the server is away")
        self.kept.append((f"step {step}", dict(values)))

    def finish(self) -> None:
        self.kept.append(("finished", None))


@pytest.fixture
def diary(monkeypatch: pytest.MonkeyPatch) -> type[Diary]:
    module = ModuleType("trackio")
    module.__spec__ = ModuleSpec("trackio", None)
    monkeypatch.setitem(sys.modules, "trackio", module)
    monkeypatch.setitem(LOGGER_TYPE_TO_CLASS, "trackio", Diary)
    monkeypatch.setattr(Diary, "kept", [], raising=False)
    monkeypatch.setattr(Diary, "fails_at", None)
    return Diary


def test_a_tracker_hears_of_the_card_the_recipe_and_every_epoch(
    diary: type[Diary], tiny_screen: Path, tmp_path: Path
) -> None:
    recipe = dn.load_recipe("tiny", sets=SETS)
    run = dn.train(recipe, tiny_screen, tmp_path / "run", device="cpu", track=["trackio"])
    lines = [json.loads(line) for line in (run.path / "metrics.jsonl").read_text().splitlines()]
    assert [name for name, _ in diary.kept] == ["made", "facts", "step 3", "step 6", "step 6", "finished"]
    assert diary.kept[0][1] == ("deepnoise", {"name": "run"})
    facts = diary.kept[1][1]
    assert facts["recipe_sha256"] == run.card["recipe_sha256"]
    assert (facts["recipe.strategy.name"], facts["recipe.train.epochs"]) == ("supervised", 2)
    assert all(isinstance(value, str | int | float) for value in facts.values())
    for line, (_, heard) in zip(lines, diary.kept[2:4], strict=True):
        assert heard == {name: value for name, value in line.items() if name not in ("epoch", "step")}
    assert diary.kept[4][1]["best/epoch"] == run.card["best_epoch"]


def test_a_tracker_that_fails_ends_no_training(diary: type[Diary], tiny_screen: Path, tmp_path: Path) -> None:
    diary.fails_at, notes = 3, Notes()
    run = dn.train(
        dn.load_recipe("tiny", sets=SETS),
        tiny_screen,
        tmp_path / "run",
        device="cpu",
        observer=notes,
        track=["trackio"],
    )
    assert (run.path / "bundle").is_dir()
    told = [note for note in notes.told if "tracker" in note]
    assert told == ["tracker trackio failed, so it is told no more of this run: the server is away"]
    assert [name for name, _ in diary.kept] == ["made", "facts"]


def test_each_trial_of_a_sweep_is_a_run_of_its_own(diary: type[Diary], tiny_screen: Path, tmp_path: Path) -> None:
    sets = ["train.max_steps=2"]
    done = dn.sweep(
        "tiny", tiny_screen, tmp_path / "out", grid=[], seeds=2, sets=sets, device="cpu", track=["trackio"]
    )
    made = [value[1]["name"] for name, value in diary.kept if name == "made"]
    assert made == [trial.path for trial in done.trials]


@pytest.mark.parametrize(
    ("name", "said"),
    [("wandb", "--track wandb: wandb is not installed; pip install wandb"), ("aim", "--track aim: is none of")],
)
def test_what_is_not_at_hand_is_told_before_training(
    name: str, said: str, tiny_screen: Path, tmp_path: Path, deepnoise: Run
) -> None:
    if importlib.util.find_spec(name):
        pytest.skip(f"{name} is installed")
    words = ["tiny", "--screen", tiny_screen, "--out", tmp_path / "out", "--track", name]
    for command in (["train", *words], ["sweep", *words, "--grid", "strategy.name=supervised"]):
        done = deepnoise(*command)
        assert (done.returncode, said in done.stderr) == (2, True), done.stderr
        assert not (tmp_path / "out").exists()


def test_an_unknown_tracker_is_refused_in_python(tiny_screen: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is none of tensorboard"):
        dn.train("tiny", tiny_screen, tmp_path / "run", track=["nothing"])


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_tensorboard_shows_what_metrics_hold(tiny_screen: Path, tmp_path: Path, deepnoise: Run) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    words = ["--screen", tiny_screen, "--out", tmp_path / "run", "--device", "cpu", "--set", *SETS]
    done = deepnoise("train", "tiny", *words, "--track", "tensorboard")
    assert (done.returncode, "failed" in done.stderr) == (0, False), done.stderr
    lines = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    events = EventAccumulator(str(tmp_path / "run" / "tensorboard")).Reload()
    for name in ("loss/cross_entropy", "validation_accuracy", "lr"):
        heard = [(event.step, event.value) for event in events.Scalars(name)]
        assert heard == [(line["step"], pytest.approx(line[name])) for line in lines]
