"""Signals that ask a training to stop, which it does at the end of a step."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

_INSISTENT = (signal.SIGINT, signal.SIGTERM)
_GENTLE = ("SIGHUP", "SIGUSR1")
"""Of a terminal that is closed, and of a scheduler some time before it kills; not every system has them."""


class Interruption:
    """Whether somebody asked to stop.

    Attributes:
        signal: the signal that asked; None while nobody did.
    """

    def __init__(self) -> None:
        self.signal: signal.Signals | None = None

    @contextmanager
    def held_back(self) -> Iterator[None]:
        """Take a KeyboardInterrupt of the block as if Ctrl-C had been pressed."""
        try:
            yield
        except KeyboardInterrupt:
            self.signal = signal.SIGINT


def asking_signals() -> tuple[signal.Signals, ...]:
    """SIGINT (Ctrl-C) and SIGTERM, and SIGHUP and SIGUSR1 unless they are ignored, as SIGHUP is under nohup."""
    gentle = (one for one in signal.Signals if one.name in _GENTLE)
    return (*_INSISTENT, *(one for one in gentle if signal.getsignal(one) is not signal.SIG_IGN))


def end_by(number: signal.Signals) -> NoReturn:
    """End as a signal would have ended the process at once.

    Raises:
        KeyboardInterrupt: after Ctrl-C.
        SystemExit: after another, with the code that shells and schedulers know: 128 and its number.
    """
    if number is signal.SIGINT:
        raise KeyboardInterrupt
    raise SystemExit(128 + number)


@contextmanager
def ended_in_order() -> Iterator[None]:
    """Let signals end the block by an exception, as Ctrl-C does, so that nothing half-done is left behind."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {one: signal.getsignal(one) for one in asking_signals() if one is not signal.SIGINT}
    for one in before:
        signal.signal(one, lambda number, _: end_by(signal.Signals(number)))
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


@contextmanager
def interruption() -> Iterator[Interruption]:
    """Hold back the first signal of the block that asks to stop; a second one acts at once.

    But SIGHUP and SIGUSR1 act no more after another: a terminal that is closed sends one, and its shell one more.
    Only the main thread is sent signals, so that in another thread nothing is held back.
    """
    asked = Interruption()
    if threading.current_thread() is not threading.main_thread():
        yield asked
        return
    before = {one: signal.getsignal(one) for one in asking_signals()}

    def hold(number: int, _: FrameType | None) -> None:
        asked.signal = asked.signal or signal.Signals(number)
        restore(*_INSISTENT)

    def restore(*signals: signal.Signals) -> None:
        for one in signals:
            signal.signal(one, before[one])

    for one in before:
        signal.signal(one, hold)
    try:
        yield asked
    finally:
        restore(*before)
