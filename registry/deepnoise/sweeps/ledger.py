"""The ledger of a sweep at work: keeps `sweep.json` true, and tells of each trial."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from deepnoise.console import percent
from deepnoise.sweeps.record import SweepRecord
from deepnoise.sweeps.trial import Trial, accuracy_of
from deepnoise_core.engine.observation import Observer


class Ledger:
    """Knows the trials of a sweep by their folders within it."""

    def __init__(self, record: SweepRecord, out: Path, observer: Observer) -> None:
        self._record, self._out, self._observer = record, out, observer
        self._trials = {trial.path: trial for trial in record.trials}
        self._order: list[str] = []

    def begin(self, trials: Mapping[str, Trial]) -> dict[str, Trial]:
        """Write the record of a sweep that begins or goes on, and return what is not done yet."""
        ready = {path: trial for path, trial in trials.items() if not trial.done}
        self._order = list(trials)
        for path in trials:
            self._trials[path].state = "waiting" if path in ready else "finished"
            self._trials[path].message = ""
        self._record.write(self._out)
        if kept := len(trials) - len(ready):
            self._observer.note(f"{kept} of {len(trials)} trials were finished before, and are kept")
        return ready

    def started(self, path: str) -> None:
        """A trial begins or goes on."""
        self._set(path, "started")
        self._observer.note(f"\ntrial {self._order.index(path) + 1} of {len(self._order)}: {path}")

    def finished(self, path: str) -> None:
        """A trial came to its end."""
        self._set(path, "finished")
        figures = [f"{stage} {percent(value)}" for stage, value in accuracy_of(self._out / path).items()]
        self._observer.note(f"finished {path}{': ' if figures else ''}{', '.join(figures)}")

    def failed(self, path: str, message: str) -> None:
        """A trial ended for a reason."""
        self._set(path, "failed", message)
        self._observer.note(f"failed {path}: {message}")

    def _set(self, path: str, state: Literal["started", "finished", "failed"], message: str = "") -> None:
        trial = self._trials[path]
        trial.state, trial.message = state, message
        self._record.write(self._out)
