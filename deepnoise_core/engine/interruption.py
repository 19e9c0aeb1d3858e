"""Signals that ask a training to stop, which it does at the end of a step."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

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

    def obey(self) -> None:
        """End as the signal would have ended the process at once; does nothing where there was none.

        Raises:
            KeyboardInterrupt: after Ctrl-C.
            SystemExit: after SIGTERM, with the code 143 that shells and schedulers know.
        """
        if self.signal is signal.SIGINT:
            raise KeyboardInterrupt
        if self.signal is not None:
            raise SystemExit(128 + self.signal)


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
