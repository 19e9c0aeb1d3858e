"""Hints for misspelt names."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`, did you mean 'x' or 'y'?` with the names closest to the word; empty where none is close."""
    close = difflib.get_close_matches(word, sorted(known), n=3)
    return f", did you mean {' or '.join(map(repr, close))}?" if close else ""
