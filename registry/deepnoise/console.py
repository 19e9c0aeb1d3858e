"""What a person at a terminal sees: notes, bars and tables. Data go to standard output, the rest beside it."""

from __future__ import annotations

import errno
import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO, cast

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from deepnoise_core.engine.observation import LOSS, Advance

_NOT_SHOWN = {
    "epoch",
    "step",
    "lr",
    "seconds",
    "sites_per_second",
    "waiting",
    "skipped_batches",
    "consistency_ratio",
    "validation_temperature",
}


def print_json(data: Any) -> None:
    """Data as indented JSON on standard output, nothing else."""
    print(json.dumps(data, indent=2, ensure_ascii=False))  # noqa: T201 - this is the program's output


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table on standard output; all but the first column are right-aligned where they hold numbers."""
    table = Table(title=escape(title), title_justify="left", title_style="bold", header_style="bold")
    for index, column in enumerate(columns):
        numeric = index > 0 and all(_is_number(row[index]) for row in rows)
        table.add_column(column, justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*map(escape, row))
    Console().print(table)


def print_note(text: str) -> None:
    """A line below a table, on standard output."""
    Console(highlight=False).print(escape(text), soft_wrap=True, style="dim")


class Terminal:
    """An observer that shows bars on a terminal, and plain lines where output is redirected."""

    def __init__(self) -> None:
        self.console = Console(file=cast(TextIO, _Closable(sys.stderr)), highlight=False)
        self._progress: Progress | None = None

    def note(self, text: str) -> None:
        """One line."""
        self.console.print(escape(text), soft_wrap=True)

    @contextmanager
    def task(self, name: str, total: int) -> Iterator[Advance]:
        """A bar that disappears when its task is done; nothing where there is no terminal."""
        if not self.console.is_terminal:
            yield lambda count, text="": None
            return
        columns = (
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeRemainingColumn(compact=True),
            TextColumn("{task.fields[text]}"),
        )
        with Progress(*columns, console=self.console, transient=True) as progress:
            task = progress.add_task(name, total=total, text="")

            def advance(count: int, text: str = "") -> None:
                progress.advance(task, count)
                if text:
                    progress.update(task, text=text)

            yield advance

    def epoch(self, record: Mapping[str, float]) -> None:
        """One line an epoch."""
        figures = [_figure(name, value) for name, value in record.items() if name not in _NOT_SHOWN]
        speed = [f"{record['sites_per_second']:.0f} sites/s", f"waited {100 * record['waiting']:.0f} %"]
        self.note("  ".join([f"epoch {record['epoch']:>3}", *figures, *speed]))

    def card(self, folder: Path, card: Mapping[str, Any]) -> None:
        """Nothing: what people must know of it is in notes."""


def percent(value: float | None) -> str:
    """`12.3 %`, or a dash where there is no value."""
    return "–" if value is None else f"{100 * value:.1f} %"


class _Closable:
    """A stream that leads nowhere once its terminal is closed, so that a training can still save its state."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        with self._leading_nowhere_when_closed():
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with self._leading_nowhere_when_closed():
            self._stream.flush()

    @contextmanager
    def _leading_nowhere_when_closed(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            # What the stream still holds is written when the program ends, and would fail once more.
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)


def _figure(name: str, value: float) -> str:
    """A loss at three places, and anything else with as many as it needs."""
    return f"{name.removeprefix(LOSS)} {value:.3f}" if name.startswith(LOSS) else f"{name} {value:.4g}"


def _is_number(text: str) -> bool:
    return (
        text.removesuffix("%").strip().replace(",", "").replace(".", "", 1).lstrip("-–").isdigit() or text == "–"
    )
