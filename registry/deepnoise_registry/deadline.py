"""A time limit for code of others."""

from __future__ import annotations

import sys
from collections.abc import Callable
from concurrent.futures import Future
from threading import Thread
from typing import TypeVar

from deepnoise_core.contracts.errors import PluginError

Result = TypeVar("Result")

_LONGEST_IMPORT = 60.0
"""Seconds for which the end of the program waits for a library that is still being imported."""


def within(seconds: float, work: Callable[[], Result], package: str) -> Result:
    """Do some work in a thread of its own, and wait for it no longer than this.

    A thread can be left behind on every platform and from any thread, and leaves Ctrl-C to the caller; a signal
    would reach the main thread alone. Native code that never lets go of the interpreter cannot be limited.

    Args:
        seconds: how long to wait.
        work: what to do.
        package: the top-level package whose code it is.

    Raises:
        TimeoutError: it is not done. Its thread goes on without us, or ends with its next line of Python.
        BaseException: whatever the work raised; a `PluginError` for `KeyboardInterrupt`.
    """
    outcome: Future[Result] = Future()

    def do() -> None:
        try:
            outcome.set_result(work())
        except KeyboardInterrupt:
            # The user's own reaches the main thread alone.
            outcome.set_exception(PluginError("raised KeyboardInterrupt"))
        except BaseException as error:  # noqa: BLE001 - all of it is handed to whoever waits
            outcome.set_exception(error)

    thread = Thread(target=do, name=f"deepnoise: {package}", daemon=True)
    thread.start()
    try:
        return outcome.result(seconds)
    except TimeoutError:
        if not outcome.done():
            _leave(thread, package)
        raise


def _leave(thread: Thread, package: str) -> None:
    """Raise `SystemExit` in a thread that is late, so that it does not compete with us for the interpreter.

    Where it is importing something of another package it goes on: PyTorch, half imported, could not be imported
    again by anybody, and crashes an interpreter that ends meanwhile.
    """
    frame, within_package = sys._current_frames().get(thread.ident or 0), False
    while frame is not None:
        owner = str(frame.f_globals.get("__name__", "")).partition(".")[0]
        within_package |= owner == package
        if frame.f_code.co_name == "<module>" and owner != package:
            # The program does not end before this one, since it is no daemon.
            Thread(target=thread.join, args=(_LONGEST_IMPORT,), name=thread.name).start()
            return
        frame = frame.f_back
    if within_package:
        import ctypes

        ctypes.pythonapi.PyThreadState_SetAsyncExc(
            ctypes.c_ulong(thread.ident or 0), ctypes.py_object(SystemExit)
        )
