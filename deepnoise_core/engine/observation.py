"""How long work tells where it stands, without knowing who listens."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Protocol

LOSS = "loss/"
"""What the names of losses begin with in a line of `metrics.jsonl`; other figures have other names."""


def loss_names(records: Iterable[Mapping[str, float]]) -> list[str]:
    """Names of all losses in lines of `metrics.jsonl`, in the order in which they come."""
    return list(dict.fromkeys(name for record in records for name in record if name.startswith(LOSS)))


class Advance(Protocol):
    """Reports `count` finished units of a task, and optionally a short text such as the losses."""

    def __call__(self, count: int, text: str = "") -> None: ...


class Observer(Protocol):
    """Someone who watches a job."""

    def note(self, text: str) -> None:
        """One line that a reader of the result must know."""
        ...

    def task(self, name: str, total: int) -> AbstractContextManager[Advance]:
        """A task of `total` units, open for the length of the block."""
        ...

    def epoch(self, record: Mapping[str, float]) -> None:
        """The finished epoch's line of `metrics.jsonl`."""
        ...

    def card(self, folder: Path, card: Mapping[str, Any]) -> None:
        """The card of the run in a folder, when it begins or goes on; at its end once more, with `best`."""
        ...


class Silent:
    """Watches nothing."""

    def note(self, text: str) -> None:
        """Ignored."""

    @contextmanager
    def task(self, name: str, total: int) -> Iterator[Advance]:
        """A task that nobody sees."""
        yield lambda count, text="": None

    def epoch(self, record: Mapping[str, float]) -> None:
        """Ignored."""

    def card(self, folder: Path, card: Mapping[str, Any]) -> None:
        """Ignored."""
