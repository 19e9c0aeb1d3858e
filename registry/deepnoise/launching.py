"""One command as several processes of this machine, which end together."""

from __future__ import annotations

import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from types import FrameType
from typing import TypeVar

import typer
from torch import distributed as dist
from torch.multiprocessing.spawn import start_processes

from deepnoise_core.contracts.errors import InputError
from deepnoise_core.engine.devices import DeviceName, device_name
from deepnoise_core.engine.interruption import asking_signals
from deepnoise_core.engine.joining import joined, launched

T = TypeVar("T")

_GRACE = 10.0
"""Seconds that processes have to leave by themselves after one of them has failed."""
_HOST = "127.0.0.1"


def divided(command: Callable[[], int], processes: int, device: str, work: Callable[[DeviceName], T]) -> T:
    """Do a process's share of the work of a command, or start processes that do one each and leave as they do.

    Args:
        command: the whole command, which each process runs.
        processes: as asked for by `--processes`.
        device: as asked for by `--device`.
        work: is given the device.

    Raises:
        InputError: there is no such number of processes, or no such device.
        typer.Exit: others did the work; with their exit code.
    """
    if must_launch(processes):
        raise typer.Exit(run_in_processes(command, processes))
    named = device_name(device)
    with joined(named):
        return work(named)


def must_launch(processes: int) -> bool:
    """Whether this process is the one that was started by hand, and is to start `processes` others.

    Raises:
        InputError: fewer than one is asked for, or another number than a launcher has started.
    """
    if processes < 1:
        raise InputError(f"--processes {processes}: give 1 or more")
    if launched() > 1 and processes not in {1, launched()}:
        raise InputError(
            f"--processes {processes}: a launcher has started {launched()} already; leave --processes out"
        )
    return processes > 1 and launched() == 1


def run_in_processes(command: Callable[[], int], processes: int) -> int:
    """Run a command in this many processes.

    Signals that ask to stop are passed on. Where one process fails the others end too. Where this process is
    killed, the others take it for Ctrl-C.

    Args:
        command: the whole of the work, in each process; returns an exit code. Reaches them pickled.
        processes: 2 or more.

    Returns:
        The exit code: 0, or that of the first process that failed, where a signal that killed it makes 2.
    """
    store = dist.TCPStore(_HOST, 0, is_master=True, wait_for_workers=False)  # type: ignore[attr-defined]
    place = {"MASTER_ADDR": _HOST, "MASTER_PORT": str(store.port), "TORCHELASTIC_USE_AGENT_STORE": "True"}
    started = start_processes(  # type: ignore[no-untyped-call]
        _work, args=(processes, place, command), nprocs=processes, join=False, start_method="spawn"
    )
    with _passed_on(started.processes):
        return _outcome(started.processes)


def _work(rank: int, count: int, place: dict[str, str], command: Callable[[], int]) -> None:
    # Ctrl-C at a terminal reaches all processes of a group, and would come a second time from the one that passes
    # signals on.
    os.setpgrp()
    numbers = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": count, "LOCAL_WORLD_SIZE": count}
    os.environ.update(place | {name: str(number) for name, number in numbers.items()})
    try:
        code = command()
    except Exception:  # noqa: BLE001 - torch would write it where nobody looks
        traceback.print_exc()
        code = 1
    sys.exit(code)


@contextmanager
def _passed_on(processes: Sequence[BaseProcess]) -> Iterator[None]:
    """Pass signals on to processes."""

    def forward(number: int, _: FrameType | None) -> None:
        for one in processes:
            if one.is_alive() and one.pid is not None:
                os.kill(one.pid, number)

    before = {number: signal.signal(number, forward) for number in asking_signals()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _outcome(processes: Sequence[BaseProcess]) -> int:
    """Wait for all; where one fails the others have some time to leave, and are killed then."""
    failed: BaseProcess | None = None
    until = float("inf")
    while running := [one for one in processes if one.exitcode is None]:
        wait([one.sentinel for one in running], timeout=1.0)
        ended = [one for one in processes if one.exitcode]
        if failed is None and ended:
            # A process that a signal kills says nothing, and the others fail since it is gone.
            failed = min(ended, key=lambda one: one.exitcode or 0)
            until = time.monotonic() + _GRACE
        if time.monotonic() > until:
            for one in running:
                one.kill()
    if failed is None:
        failed = next((one for one in processes if one.exitcode), None)
    code = 0 if failed is None else failed.exitcode or 0
    if code < 0:
        number = list(processes).index(failed) if failed else 0
        sys.stderr.write(f"deepnoise: process {number} was killed by {signal.Signals(-code).name}\n")
        return 2
    return code
