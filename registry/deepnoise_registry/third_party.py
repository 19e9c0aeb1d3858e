"""A wall around code of plugins: what it raises, prints and warns becomes data."""

from __future__ import annotations

import importlib
import io
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from functools import reduce
from typing import Any

from deepnoise_core.contracts.errors import PluginError

_LONGEST = 400
_MOST_NOTES = 5
_MOST_PRINTED = 100_000


@contextmanager
def blaming(what: str) -> Iterator[None]:
    """Turn whatever escapes the block, `SystemExit` included, into a `PluginError` that begins with `what`.

    A `KeyboardInterrupt` is the user's own and passes.
    """
    try:
        yield
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        raise PluginError(f"{what}: {describe(error)}") from error


@contextmanager
def overhearing(notes: list[str]) -> Iterator[None]:
    """Keep standard output and warnings of the block out of ours; add a note on each, five at most.

    What native code writes to the file descriptor itself, past `sys.stdout`, is not held.
    """
    printed = _Beginning()
    try:
        with warnings.catch_warnings(record=True) as warned, redirect_stdout(printed):
            warnings.simplefilter("default")
            yield
    finally:
        heard = [f"printed: {line.strip()}" for line in printed.getvalue().splitlines() if line.strip()]
        heard += [f"warned: {one.category.__name__}: {one.message}" for one in warned]
        notes += [_short(line) for line in heard[:_MOST_NOTES]]
        if len(heard) > _MOST_NOTES:
            notes.append(f"and {len(heard) - _MOST_NOTES} more lines")


@contextmanager
def printing_aside() -> Iterator[None]:
    """Send what the block prints to standard error, so that `--json` stays JSON."""
    with redirect_stdout(sys.stderr):
        yield


def imported(text: str, what: str) -> Callable[..., Any]:
    """What stands behind an import string `package.module:attribute`.

    Args:
        text: the import string.
        what: whose it is, for messages.

    Raises:
        PluginError: it leads nowhere, or to something that cannot be called.
    """
    module, _, attributes = text.partition(":")
    with blaming(f"{what}: {text!r} cannot be imported"), printing_aside():
        found = reduce(getattr, attributes.split("."), importlib.import_module(module))
    if not callable(found):
        raise PluginError(f"{what}: {text!r} is a {type(found).__name__}, which cannot be called")
    return found


def describe(error: BaseException) -> str:
    """An exception as one line: type and message, and the file and line of a syntax error."""
    if isinstance(error, PluginError):
        return _short(str(error))
    if isinstance(error, SyntaxError):
        return _short(f"{type(error).__name__}: {error}")
    return _short(traceback.format_exception_only(error)[0])


class _Beginning(io.StringIO):
    """Keeps the beginning of what is printed, however much it is."""

    def write(self, text: str) -> int:
        super().write(text[: max(_MOST_PRINTED - self.tell(), 0)])
        return len(text)


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"
