"""What code of plugins can change for everybody in this process, and how it is put back."""

from __future__ import annotations

import gc
import locale
import os
import random
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any


class Surroundings:
    """The state of the process as it is when this is made.

    Warning filters and standard output are `third_party.overhearing`'s; signal handlers can be set in the main
    thread alone, where no plugin is loaded. What one module patches in another is beyond this.
    """

    def __init__(self) -> None:
        self._before = {one.name: one.read() for one in _SETTINGS if _is_imported(one.module)}

    def put_back(self) -> list[str]:
        """Put back what has changed since, and tell what it was.

        A library that was imported since is set to what it starts with; nobody knows whether that was changed.
        """
        changed = []
        for one in _SETTINGS:
            if not _is_imported(one.module):
                continue
            if one.name not in self._before:
                one.begin()
                self._before[one.name] = one.read()
            elif one.read() != self._before[one.name]:
                one.write(self._before[one.name])
                changed.append(one.name)
        return changed


@dataclass(frozen=True)
class _Setting:
    """One thing that can change.

    Attributes:
        name: as messages call it.
        read: its value, which can be compared.
        write: makes it a value that was read.
        module: what it belongs to; looked at only where that is imported.
        begin: makes it what it is when the module is imported.
    """

    name: str
    read: Callable[[], Any]
    write: Callable[[Any], object]
    module: str = "sys"
    begin: Callable[[], object] = lambda: None


def _is_imported(name: str) -> bool:
    """Whether a module is imported to its end; a plugin that is late may be importing it still."""
    spec = getattr(sys.modules.get(name), "__spec__", None)
    return spec is not None and not getattr(spec, "_initializing", False)


def _library(name: str) -> Any:
    return sys.modules[name]


def _working_directory() -> str | None:
    try:
        return os.getcwd()  # noqa: PTH109 - text is compared and given back as it is
    except FileNotFoundError:
        return None


def _write_environment(variables: dict[str, str]) -> None:
    for name in os.environ.keys() - variables.keys():
        del os.environ[name]
    os.environ.update(variables)


def _logging() -> tuple[Any, ...]:
    root = _library("logging").root
    return root.level, root.manager.disable, tuple(root.handlers)


def _write_logging(state: tuple[Any, ...]) -> None:
    root = _library("logging").root
    root.level, root.manager.disable, handlers = state
    root.handlers[:] = handlers
    root.manager._clear_cache()


def _numpy_random() -> tuple[Any, ...]:
    name, keys, *rest = _library("numpy").random.get_state()
    return name, keys.tobytes(), *rest


def _write_numpy_random(state: tuple[Any, ...]) -> None:
    numpy = _library("numpy")
    name, keys, *rest = state
    numpy.random.set_state((name, numpy.frombuffer(keys, numpy.uint32), *rest))


def _write_torch_random(state: bytes) -> None:
    torch = _library("torch")
    torch.set_rng_state(torch.frombuffer(bytearray(state), dtype=torch.uint8))


def _torch_threads() -> int:
    """What a new thread computes with: ours keeps its own number where another thread sets one for all."""
    with ThreadPoolExecutor(1) as fresh:
        count: int = fresh.submit(_library("torch").get_num_threads).result()
    return count


_SETTINGS = (
    _Setting("the working directory", _working_directory, lambda was: os.chdir(was) if was else None),
    _Setting("sys.path", lambda: list(sys.path), lambda was: sys.path.__setitem__(slice(None), was)),
    _Setting("environment variables", lambda: dict(os.environ), _write_environment),
    _Setting("the recursion limit", sys.getrecursionlimit, sys.setrecursionlimit),
    _Setting("sys.excepthook", lambda: sys.excepthook, lambda was: setattr(sys, "excepthook", was)),
    _Setting("sys.stderr", lambda: sys.stderr, lambda was: setattr(sys, "stderr", was)),
    _Setting("garbage collection", gc.isenabled, lambda was: gc.enable() if was else gc.disable()),
    _Setting(
        "the locale", lambda: locale.setlocale(locale.LC_ALL), lambda was: locale.setlocale(locale.LC_ALL, was)
    ),
    _Setting("logging of everybody", _logging, _write_logging, "logging", lambda: _write_logging((30, 0, ()))),
    _Setting("random numbers of Python", random.getstate, random.setstate),
    _Setting(
        "random numbers of NumPy",
        _numpy_random,
        _write_numpy_random,
        "numpy",
        lambda: _library("numpy").random.seed(),
    ),
    _Setting(
        "random numbers of PyTorch",
        lambda: _library("torch").get_rng_state().numpy().tobytes(),
        _write_torch_random,
        "torch",
        lambda: _library("torch").default_generator.seed(),
    ),
    _Setting(
        "PyTorch's default dtype",
        lambda: _library("torch").get_default_dtype(),
        lambda was: _library("torch").set_default_dtype(was),
        "torch",
        lambda: _library("torch").set_default_dtype(_library("torch").float32),
    ),
    _Setting(
        "PyTorch's deterministic algorithms",
        lambda: _library("torch").are_deterministic_algorithms_enabled(),
        lambda was: _library("torch").use_deterministic_algorithms(was),
        "torch",
    ),
    _Setting("PyTorch's threads", _torch_threads, lambda was: _library("torch").set_num_threads(was), "torch"),
)
