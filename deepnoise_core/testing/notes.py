"""An observer for tests that want to know what a user is told."""

from __future__ import annotations

from deepnoise_core.engine.observation import Silent


class Notes(Silent):
    """Keeps what it is told.

    Attributes:
        told: every note, in the order in which they came.
    """

    def __init__(self) -> None:
        self.told: list[str] = []

    def note(self, text: str) -> None:
        """Kept."""
        self.told.append(text)
