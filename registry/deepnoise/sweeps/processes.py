"""Trials side by side, each a process of its own that outlives neither a signal nor the sweep."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from deepnoise.sweeps.ledger import Ledger
from deepnoise.sweeps.trial import Trial
from deepnoise_core.engine.interruption import end_by, interruption

_POLL_SECONDS = 0.1


@dataclass(frozen=True)
class _Job:
    """A trial in its process; `slot` numbers those that run at a time."""

    path: str
    slot: int
    process: subprocess.Popen[str]
    log: Path


def do_side_by_side(trials: Mapping[str, Trial], jobs: int, logs: Path, ledger: Ledger) -> None:
    """Do trials, `jobs` at a time; what each says goes to a file of its own in `logs`.

    Each has its share of the processor's cores, and a GPU of its own where there are several. A signal that
    asks to stop is passed on, so that trials save their state; a second one ends all at once.

    Raises:
        KeyboardInterrupt: after Ctrl-C.
        SystemExit: after another signal, with 128 and its number.
    """
    logs.mkdir(exist_ok=True)
    waiting, running = list(trials.items()), list[_Job]()
    with interruption() as asked, ExitStack() as stack:
        stack.callback(_end, running)
        told = False
        while running or (waiting and not asked.signal):
            while waiting and len(running) < jobs and not asked.signal:
                path, trial = waiting.pop(0)
                slot = min(set(range(jobs)) - {job.slot for job in running})
                ledger.started(path)
                running.append(_started(path, trial, slot, jobs, logs / f"{path}.txt"))
            if asked.signal and not told:
                told = True
                for job in running:
                    job.process.send_signal(signal.SIGTERM)
            time.sleep(_POLL_SECONDS)
            for job in [job for job in running if job.process.poll() is not None]:
                running.remove(job)
                with suppress(BrokenPipeError), job.process:  # which closes its pipes
                    if not told:
                        _tell(job, ledger)
        if asked.signal:
            end_by(asked.signal)


def _started(path: str, trial: Trial, slot: int, jobs: int, log: Path) -> _Job:
    threads = {} if "OMP_NUM_THREADS" in os.environ else {"OMP_NUM_THREADS": str(_cores_for(jobs))}
    with log.open("a") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "deepnoise.sweeps.worker"],
            env={**os.environ, **threads, **dict(_gpu(slot))},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=file,
            text=True,
            start_new_session=True,  # or a terminal's Ctrl-C would reach it twice
        )
    # The pipe stays open: its end is how a worker learns that the sweep was killed.
    if process.stdin is not None:
        with suppress(BrokenPipeError):  # how a process ended that is gone already is told of all alike
            process.stdin.write(json.dumps(asdict(trial)) + "\n")
            process.stdin.flush()
    return _Job(path, slot, process, log)


def _end(running: Iterable[_Job]) -> None:
    for job in running:
        job.process.kill()


def _tell(job: _Job, ledger: Ledger) -> None:
    code = job.process.returncode
    if code == 0:
        ledger.finished(job.path)
        return
    said = job.process.stdout.read().strip() if job.process.stdout else ""
    how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"
    ledger.failed(job.path, said or f"its process {how}; see {job.log}")


def _cores_for(jobs: int) -> int:
    return max(1, (os.cpu_count() or 1) // jobs)


def _gpu(slot: int) -> Iterator[tuple[str, str]]:
    """The variable that shows a worker one GPU of several."""
    count = torch.cuda.device_count()
    if count > 1:
        visible = os.environ.get("CUDA_VISIBLE_DEVICES") or ",".join(map(str, range(count)))
        yield "CUDA_VISIBLE_DEVICES", visible.split(",")[slot % count]
