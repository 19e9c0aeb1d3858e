"""Trainings, packings and predictions that are killed until they end, and trainings that are asked to stop."""

from __future__ import annotations

import random
import shutil
import signal
import time
from collections import Counter
from pathlib import Path

from deepnoise.api import installed
from deepnoise.training import Run, resume_run
from deepnoise_core.engine.checkpoints import newest_state, saved_steps
from surviving.processes import Forks
from surviving.trainings import STRATEGIES, same


def killed_trainings(
    forks: Forks, whole: dict[str, Run], screen: Path, work: Path, wanted: int
) -> dict[str, int]:
    """Train and resume under SIGKILL until so many have hit."""
    draw, told, counter = random.Random(0), Counter[str](), work / "steps"
    length = forks.seconds("train", screen, work / "timed-run", "mean teacher", counter)
    while told["kills"] < wanted:
        strategy = list(STRATEGIES)[told["runs"] % len(STRATEGIES)]
        out = work / f"killed-{told['runs']}"
        while not (out / "bundle").exists():
            counter.write_text(str(max(saved_steps(out / "checkpoints"), default=0)))
            begun = (out / "run.json").exists()
            child = (
                forks.start("resume", out, counter)
                if begun
                else forks.start("train", screen, out, strategy, counter)
            )
            code = forks.stopped(child, signal.SIGKILL, draw.uniform(0, 0.7 * length))
            assert code in (0, -signal.SIGKILL), forks.log.read_text()
            told["kills"] += code != 0
            if not (out / "run.json").exists():
                shutil.rmtree(out, ignore_errors=True)
            elif code and saved_steps(out / "checkpoints"):
                state, notes = newest_state(out / "checkpoints")
                told["damaged newest checkpoints"] += len(notes)
                done = int(counter.read_text() or 0)
                told["most steps lost"] = max(told["most steps lost"], done - state.step)
        told["runs"] += 1
        told["same bits"] += same(out, whole[strategy].path)
        shutil.rmtree(out)
    names = ("kills", "runs", "same bits", "damaged newest checkpoints", "most steps lost")
    return {name: told[name] for name in names}


def killed_until_there(forks: Forks, out: Path, wanted: int, function: str, *arguments: object) -> dict[str, int]:
    """Begin again after each kill until there is a result, which must be the bytes of the one nobody killed."""
    draw, told = random.Random(function), Counter[str]()
    whole, killed = out.with_name(f"{out.name}-whole"), out.with_name(f"{out.name}-killed")
    length = forks.seconds(function, *arguments, whole)
    while told["kills"] < wanted:
        while not killed.exists():
            child = forks.start(function, *arguments, killed)
            code = forks.stopped(child, signal.SIGKILL, draw.uniform(0, 1.2 * length))
            assert code in (0, -signal.SIGKILL), forks.log.read_text()
            told["kills"] += code != 0
        told["results"] += 1
        told["same bytes"] += contents(killed) == contents(whole)
        shutil.rmtree(killed)
    return {name: told[name] for name in ("kills", "results", "same bytes")}


def asked_to_stop(forks: Forks, whole: Run, screen: Path, work: Path, wanted: int) -> dict[str, int]:
    """Send SIGINT and SIGTERM in turn, then resume."""
    draw, told, counter = random.Random(3), Counter[str](), work / "steps"
    length = forks.seconds("train", screen, work / "timed-pseudo", "pseudo-labels", counter)
    for number in range(wanted):
        out, which = work / f"asked-{number}", (signal.SIGINT, signal.SIGTERM)[number % 2]
        counter.write_text("0")
        child = forks.start("train", screen, out, "pseudo-labels", counter)
        while counter.read_text() in ("", "0"):
            time.sleep(0.005)
        code = forks.stopped(child, which, draw.uniform(0, 0.5 * length))
        if code == 0:
            told["ended before"] += 1
        else:
            told["right exit code"] += code == {signal.SIGINT: 130, signal.SIGTERM: 143}[which]
            told["said how to go on"] += f"deepnoise train --resume {out}" in forks.log.read_text()
            resume_run(out, None, installed(), device="cpu")
        told["same bits"] += same(out, whole.path)
        shutil.rmtree(out)
    names = ("ended before", "right exit code", "said how to go on", "same bits")
    return {"sent": wanted, **{name: told[name] for name in names}}


def contents(folder: Path) -> dict[str, bytes]:
    """Bytes of each file."""
    files = (file for file in folder.rglob("*") if file.is_file())
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in files}
