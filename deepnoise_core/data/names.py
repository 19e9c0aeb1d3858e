"""Order and closeness of names, as a person reads them."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable


def natural_key(name: str) -> tuple[tuple[str | int, ...], str]:
    """Sort key by which `HUVEC-2` comes before `HUVEC-10`; different names never compare equal."""
    parts = re.split("([0-9]+)", name)
    return tuple(int(part) if place % 2 else part for place, part in enumerate(parts)), name


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """`, did you mean 'HUVEC-01' or 'HUVEC-10'?` with the names that are close; empty where none is."""
    close = difflib.get_close_matches(name, sorted(known), n=3)
    return f", did you mean {' or '.join(map(repr, close))}?" if close else ""


def some_of(names: Iterable[object], most: int = 5) -> str:
    """The first few names, quoted, and how many more there are."""
    listed = list(names)
    shown = ", ".join(repr(name) for name in listed[:most])
    return f"{shown} and {len(listed) - most} more" if len(listed) > most else shown
