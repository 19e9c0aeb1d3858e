"""A small screen as this reader's layout has it, which the conformance suite reads."""

from __future__ import annotations

from pathlib import Path

from deepnoise_core.data.packs import pack_screen
from deepnoise_core.testing.screens import random_screen


def write_example(folder: Path) -> Path:
    """Write a pack of a random screen, 32 sites on four plates, to an empty folder."""
    return pack_screen(random_screen(), folder / "pack").path
