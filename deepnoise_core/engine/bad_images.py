"""The sites that a training goes on without, since their image could not be read."""

from __future__ import annotations

import json
from collections.abc import Mapping

from deepnoise_core.contracts import ImageStore, Screen
from deepnoise_core.data.rows import rows_of_sites
from deepnoise_core.data.tolerance import TolerantStore
from deepnoise_core.engine.inputs import Inputs
from deepnoise_core.engine.observation import Observer
from deepnoise_core.engine.processes import process_count, texts_of_all


def tell_all(store: ImageStore) -> None:
    """Let all processes know of the sites that one of them could not read; each process must do so."""
    if process_count() > 1 and isinstance(store, TolerantStore):
        for text in texts_of_all(json.dumps(list(store.bad.items()))):
            store.bad.update({int(row): str(reason) for row, reason in json.loads(text)})


class BadImages:
    """Tells of each such site once, and keeps them for the run's record.

    Attributes:
        reasons: site id → why it could not be read, in the order in which they were found.
    """

    def __init__(self, screen: Screen, inputs: Inputs, observer: Observer) -> None:
        self.screen, self.inputs, self.observer = screen, inputs, observer
        self.reasons: dict[str, str] = {}

    def note_new(self) -> None:
        """Tell of the sites that were found since the last time."""
        for row, reason in self.inputs.bad.items():
            site = self.screen.sites["site_id"][row]
            if site not in self.reasons:
                self.reasons[site] = reason
                self.observer.note(f"going on without site {site}: {reason}")

    def note_all(self) -> None:
        """Tell of the sites that any process has found since the last time; each process must do so."""
        tell_all(self.inputs.store)
        self.note_new()

    def restore(self, reasons: Mapping[str, str]) -> None:
        """Leave out again what was left out before the training stopped."""
        self.reasons.update(reasons)
        if isinstance(self.inputs.store, TolerantStore):
            rows = rows_of_sites(self.screen, reasons)
            self.inputs.store.bad.update({rows[site]: reason for site, reason in reasons.items()})
