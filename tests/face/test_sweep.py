"""Sweeps: every combination with every seed, kept, resumed, added to, and refused."""

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]
import pytest

import deepnoise as dn
from deepnoise.api import installed
from deepnoise.sweeps.grid import combinations, parse_grid
from deepnoise.sweeps.plan import Request, plan_sweep
from deepnoise.sweeps.record import read_sweep
from deepnoise_core.contracts import Stage
from deepnoise_core.contracts.errors import InputError, RecipeError
from deepnoise_core.engine.checkpoints import saved_steps
from deepnoise_core.testing.notes import Notes
from deepnoise_registry.recipes.differences import differing_fields
from deepnoise_registry.recipes.recipe import recipe_hash

Run = Callable[..., subprocess.CompletedProcess[str]]

SHORT = ("train.max_steps=2", "train.batch_size=8")
GRID = ("strategy.name=supervised,mean-teacher", "train.optimizer.lr=1e-3,1e30")
EPOCHS = 32
STRATEGIES = "strategy.name=supervised,mean-teacher"


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory, tiny_screen: Path) -> Path:
    """A sweep of 2 × 2 combinations and 2 seeds, half of which fail; look, but do not touch."""
    out = tmp_path_factory.mktemp("sweeps") / "sweep"
    notes = Notes()
    done = dn.sweep("tiny", tiny_screen, out, grid=GRID, seeds=2, sets=SHORT, device="cpu", observer=notes)
    assert len(done.trials) == 8
    assert [trial.values["train.optimizer.lr"] for trial in done.failed] == [1e30] * 4
    assert sum(note.startswith("failed ") for note in notes.told) == 4
    return out


def test_each_trial_has_a_folder_that_its_recipe_names(sweep: Path) -> None:
    record = read_sweep(sweep)
    assert (record.seeds, record.grid["strategy.name"]) == ([0, 1], ["supervised", "mean-teacher"])
    for trial in record.trials:
        recipe = dn.load_recipe("tiny", sets=[*SHORT, *_sets(trial.values), f"seed={trial.seed}"])
        assert trial.recipe_sha256 == recipe_hash(recipe)
        assert trial.path.endswith(f"-seed-{trial.seed}-{recipe_hash(recipe)[:12]}")
        finished = trial.state == "finished"
        assert (sweep / trial.path / "evaluation.json").is_file() == finished
        assert finished or "train.optimizer.lr" in trial.message
        if finished:
            assert recipe_hash(dn.load_recipe(sweep / trial.path / "recipe.yaml")) == trial.recipe_sha256


def test_trials_are_evaluated_on_wells_that_none_was_trained_on(sweep: Path, tiny_screen: Path) -> None:
    trial = next(trial for trial in read_sweep(sweep).trials if trial.state == "finished")
    written = json.loads((sweep / trial.path / "evaluation.json").read_text())
    assert written["part"] == "test"
    assert written["by"]["experiment"].keys() == {"RPE-02"}
    predicted = dn.evaluate(sweep / trial.path / "predictions").as_dict()
    assert {**predicted, "made_by": 0} == {**written, "made_by": 0}


def test_what_is_finished_is_kept_and_new_seeds_are_added(sweep: Path, tiny_screen: Path, tmp_path: Path) -> None:
    out, notes = shutil.copytree(sweep, tmp_path / "sweep"), Notes()
    before = {path: path.stat().st_mtime_ns for path in out.rglob("model.safetensors")}
    grid = ("strategy.name=supervised", "train.optimizer.lr=1e-3")
    done = dn.sweep("tiny", tiny_screen, out, grid=grid, seeds=3, sets=SHORT, device="cpu", observer=notes)
    assert "2 of 3 trials were finished before, and are kept" in notes.told
    assert not done.failed
    assert len(before) == 4
    assert {path: path.stat().st_mtime_ns for path in before} == before
    record = read_sweep(out)
    assert (len(record.trials), record.seeds) == (9, [0, 1, 2])
    assert record.grid["strategy.name"] == ["supervised", "mean-teacher"]
    assert sum(trial.state == "failed" for trial in record.trials) == 4


def test_a_trial_without_its_evaluation_is_only_predicted(sweep: Path, tiny_screen: Path, tmp_path: Path) -> None:
    out = shutil.copytree(sweep, tmp_path / "sweep")
    trial = read_sweep(out).trials[0]
    (out / trial.path / "evaluation.json").unlink()
    weights = out / trial.path / "bundle" / "model.safetensors"
    before = weights.stat().st_mtime_ns
    grid = ("strategy.name=supervised", "train.optimizer.lr=1e-3")
    dn.sweep("tiny", tiny_screen, out, grid=grid, seeds=1, sets=SHORT, device="cpu")
    assert weights.stat().st_mtime_ns == before
    assert (out / trial.path / "evaluation.json").read_text() == (
        sweep / trial.path / "evaluation.json"
    ).read_text().replace(str(sweep), str(out))


def test_a_sweep_is_compared_over_its_seeds(sweep: Path) -> None:
    found = dn.compare(sweep)
    assert [variant.name for variant in found.variants] == ["supervised", "mean-teacher"]
    assert [list(variant.results) for variant in found.variants] == [[0, 1]] * 2
    difference = found.figures["mean-teacher"][Stage.RAW].difference
    assert difference is not None
    assert difference.pairs == 2
    assert found.notes[0].startswith("left out 4 trials that have no evaluation: ")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--grid", "strategy.name=supervised"], "grid: strategy.name and train.optimizer.lr then"),
        (["--grid", *GRID, "--set", "train.max_steps=3"], "train.max_steps: 2 then, 3 now"),
        (["--grid", *GRID, "--part", "all"], "part: test then, all now"),
        (["--grid", *GRID, "--folds", "2"], "folds: None then, 2 now"),
    ],
)
def test_a_folder_of_another_sweep_is_refused_with_what_differs(
    words: list[str], said: str, sweep: Path, tiny_screen: Path, deepnoise: Run
) -> None:
    before = (sweep / "sweep.json").read_bytes()
    sets = [word for one in SHORT for word in ("--set", one)]
    done = deepnoise("sweep", "tiny", "--screen", tiny_screen, "--out", sweep, *sets, *words, "--device", "cpu")
    assert (done.returncode, said in done.stderr) == (2, True), done.stderr
    assert (sweep / "sweep.json").read_bytes() == before


def test_a_folder_of_something_else_is_refused(tiny_screen: Path, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    with pytest.raises(InputError, match="a sweep is never overwritten"):
        dn.sweep("tiny", tiny_screen, tmp_path, grid=[STRATEGIES])


@pytest.mark.parametrize(
    ("grid", "said"),
    [
        (["strategy.name"], "give KEY=VALUE,VALUE"),
        (["strategy.name="], "give KEY=VALUE,VALUE"),
        (["seed=1,2"], "say --seeds N"),
        (["train.epochs=1,2", "train.epochs=3"], "train.epochs is given twice"),
        (["train.epochs=1,2,1"], "the value 1 is given twice"),
        (["train.epochs=[1"], "not YAML"),
        (["train.epoch=1,2"], "did you mean 'epochs'"),
        (["train.epochs=1,many"], "train.epochs: "),
        (["strategy.name=supervised,mean-teachr"], "did you mean 'mean-teacher'"),
        (["summary=a,b"], "summary=b: trains the very same as summary=a"),
        (["strategy=supervised,fixmatch"], "strategy=fixmatch: strategy 'fixmatch' learns from the view"),
        (["data.split.column=dataset,nothing"], "data.split.column=nothing: "),
    ],
)
def test_what_cannot_be_swept_is_refused_before_anything_is_written(
    grid: list[str], said: str, tiny_screen: Path, tmp_path: Path
) -> None:
    with pytest.raises((InputError, RecipeError)) as caught:
        dn.sweep("tiny", tiny_screen, tmp_path / "out", grid=grid, seeds=2)
    assert said in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_values_are_yaml_and_may_hold_commas() -> None:
    grid = parse_grid(["strategy=supervised,{name: mean-teacher, options: {decay: 0.9}}", 'a="x,y",[1, 2],null'])
    assert grid == {
        "strategy": ("supervised", {"name": "mean-teacher", "options": {"decay": 0.9}}),
        "a": ("x,y", [1, 2], None),
    }
    made = combinations(grid)
    assert len(made) == 6
    assert made[4].sets == ('strategy={"name": "mean-teacher", "options": {"decay": 0.9}}', "a=[1, 2]")
    assert made[1].slug == "supervised-a-1-2"


def test_fields_of_a_recipe_that_its_stages_overrule_change_nothing(tiny_screen: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "staged.yaml"
    recipe.write_text(
        "name: staged\nbackbone: {name: timm, options: {model: test_efficientnet}}\n"
        "data: {split: {column: dataset}}\nstages: [{name: only, strategy: supervised}]\n"
    )
    grid = parse_grid(["strategy=supervised,mean-teacher"])
    with pytest.raises(InputError, match="the very same"):
        plan_sweep(Request(recipe, str(tiny_screen), grid), tmp_path / "out", installed())


def test_trials_may_be_series_that_predict_together(tiny_screen: Path, tmp_path: Path) -> None:
    done = dn.sweep(
        "tiny",
        tiny_screen,
        tmp_path / "out",
        grid=["strategy.name=supervised"],
        sets=SHORT,
        folds=2,
        device="cpu",
    )
    (trial,) = done.trials
    assert trial.state == "finished"
    assert (
        json.loads((done.path / trial.path / "predictions" / "predictions.json").read_text())["provenance"][
            "model"
        ]
        == "ensemble of 2"
    )
    assert (done.path / trial.path / "evaluation.json").is_file()


def test_differences_of_recipes_leave_out_what_follows_from_names() -> None:
    recipes = [
        dn.load_recipe("tiny", sets=sets).model_dump(mode="json")
        for sets in (["name=a"], ["strategy=supervised", "train.epochs=9"], ["strategy.options.cap=false"])
    ]
    assert differing_fields(recipes) == {
        "strategy.name": ("mean-teacher", "supervised", "mean-teacher"),
        "strategy.options.cap": (True, None, False),
        "train.epochs": (2, 9, 2),
    }
    assert set(differing_fields(recipes[:2])) == {"strategy.name", "train.epochs"}
    assert set(differing_fields([recipes[0], recipes[2]])) == {"strategy.options.cap"}


def test_a_sweep_that_is_stopped_leaves_no_process_and_ends_in_the_same_bytes(
    tiny_screen: Path,
    tmp_path: Path,
    start_command: Callable[..., Any],
    wait_until: Callable[..., None],
    tells_of: Callable[..., None],
) -> None:
    sets = (f"train.epochs={EPOCHS}", "train.checkpoints.minutes=0", "train.batch_size=8", "strategy=supervised")
    grid = "train.optimizer.lr=1e-3,1e-2"
    whole = dn.sweep("tiny", tiny_screen, tmp_path / "whole", grid=[grid], sets=sets, device="cpu").path
    out = tmp_path / "sweep"
    words = ["--screen", tiny_screen, "--out", out, "--grid", grid, "--jobs", 2, "--set", *sets]
    before: dict[str, int] = {}
    for end in (_ctrl_c, _sigterm_to_the_sweep_alone, _end_of_its_terminal, _kill_of_the_sweep_alone):
        process = start_command("sweep", "tiny", *words, "--device", "cpu")
        wait_until(lambda: _have_advanced(out, before), process, most=300)  # noqa: B023 - used at once
        workers = psutil.Process(process.pid).children()
        code = end(process.pid)
        ended, told = process.wait()
        assert ended == code, told
        if code < 0:
            tells_of("a sweep is killed", told, 128 - code)
        else:
            tells_of("one of these signals to a sweep", told, code)
        assert "Traceback" not in told
        # Those of a sweep that was killed save their state after it is gone.
        assert len(psutil.wait_procs(workers, timeout=60 if code < 0 else 0)[0]) == len(workers) > 0
        assert "started" in {trial.state for trial in read_sweep(out).trials}
        assert all(saved_steps(out / trial.path / "checkpoints") for trial in read_sweep(out).trials)
        before = _epochs(out)
    done = dn.sweep("tiny", tiny_screen, out, grid=[grid], sets=sets, device="cpu")
    assert [trial.state for trial in done.trials] == ["finished", "finished"]
    for trial in done.trials:
        runs = [folder / trial.path for folder in (out, whole)]
        assert _weights(runs[0]) == _weights(runs[1])
        assert _metrics(runs[0]) == _metrics(runs[1])
        assert not list(runs[0].glob("*.partial*"))


def test_a_trial_whose_process_is_killed_does_not_stop_the_others(
    tiny_screen: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tells_of: Callable[..., None]
) -> None:
    dying, notes = tmp_path / "python", Notes()
    dying.write_text("#!/bin/sh\nkill -KILL $$\n")
    dying.chmod(0o755)
    monkeypatch.setattr("deepnoise.sweeps.processes.sys.executable", str(dying))
    done = dn.sweep(
        "tiny", tiny_screen, tmp_path / "sweep", grid=[STRATEGIES], jobs=2, device="cpu", observer=notes
    )
    assert [trial.state for trial in done.trials] == ["failed", "failed"]
    told = [note for note in notes.told if note.startswith("failed ")]
    assert len(told) == 2
    tells_of("the process of a trial is killed", told[0], 1)


def _ctrl_c(sweep: int) -> int:
    """As a terminal sends it, to all processes of the group."""
    os.killpg(sweep, signal.SIGINT)
    return 130


def _sigterm_to_the_sweep_alone(sweep: int) -> int:
    os.kill(sweep, signal.SIGTERM)
    return 143


def _end_of_its_terminal(sweep: int) -> int:
    """As the system tells of it, and then the shell."""
    os.kill(sweep, signal.SIGHUP)
    time.sleep(0.2)
    os.kill(sweep, signal.SIGHUP)
    return 129


def _kill_of_the_sweep_alone(sweep: int) -> int:
    os.kill(sweep, signal.SIGKILL)
    return -9


def _have_advanced(sweep: Path, before: Mapping[str, int]) -> bool:
    """Whether both trials have done more epochs than before, or all of them."""
    now = _epochs(sweep)
    return len(now) == 2 and all(done > before.get(name, 0) or done == EPOCHS for name, done in now.items())


def _epochs(sweep: Path) -> dict[str, int]:
    """Epochs done, of each trial that has finished one."""
    return {file.parent.name: len(file.read_text().splitlines()) for file in sweep.glob("*/metrics.jsonl")}


def _weights(run: Path) -> bytes:
    return (run / "bundle" / "model.safetensors").read_bytes()


def _metrics(run: Path) -> list[dict[str, float]]:
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    timed = ("seconds", "sites_per_second", "waiting")
    return [{name: value for name, value in line.items() if name not in timed} for line in lines]


def _sets(values: Mapping[str, object]) -> list[str]:
    return [f"{key}={json.dumps(value)}" for key, value in values.items()]
