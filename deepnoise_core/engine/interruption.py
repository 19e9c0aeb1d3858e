"""Signals that ask a training to stop, which it does at the end of a step."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

_ASKING = (signal.SIGINT, signal.SIGTERM)


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


def end_by(number: signal.Signals) -> NoReturn:
    """End as a signal would have ended the process at once.

    Raises:
        KeyboardInterrupt: after Ctrl-C.
        SystemExit: after another, with the code that shells and schedulers know, of SIGTERM 143.
    """
    if number is signal.SIGINT:
        raise KeyboardInterrupt
    raise SystemExit(128 + number)


@contextmanager
def ended_in_order() -> Iterator[None]:
    """Let SIGTERM end the block by an exception, as Ctrl-C does, so that nothing half-done is left behind."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, lambda number, _: end_by(signal.Signals(number)))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def interruption() -> Iterator[Interruption]:
    """Hold back the first Ctrl-C or SIGTERM of the block; a second one acts at once.

    Only the main thread is sent signals, so that in another thread nothing is held back.
    """
    asked = Interruption()
    if threading.current_thread() is not threading.main_thread():
        yield asked
        return
    before = {one: signal.getsignal(one) for one in _ASKING}

    def hold(number: int, _: FrameType | None) -> None:
        asked.signal = signal.Signals(number)
        restore()

    def restore() -> None:
        for one, handler in before.items():
            signal.signal(one, handler)

    for one in _ASKING:
        signal.signal(one, hold)
    try:
        yield asked
    finally:
        restore()
