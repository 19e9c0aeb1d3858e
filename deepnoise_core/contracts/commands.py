"""Commands that plugins add, as `deepnoise x NAME …`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Command:
    """One command of a plugin.

    Attributes:
        name: its word after `deepnoise x`; lower case letters, digits, `-`, `_` and `.`.
        summary: one line for listings.
        run: import string `package.module:attribute` of a function, imported only when the command is used; takes
            the words behind the name as a list of str, and returns an exit code, or None for 0. An `InputError`
            that it raises is told in one line, and exits with 2.
    """

    name: str
    summary: str
    run: str
