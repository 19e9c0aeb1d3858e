"""Fixtures of every room."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

settings.load_profile("ci")  # everywhere: the same examples each time, and no limit on what they take

SHARED_DATA = Path(__file__).resolve().parents[1].parent / "shared" / "data"


@pytest.fixture(scope="session")
def shared() -> Callable[[str], Path]:
    """Folder of a real data set by name; skips the test, by that name, where it is absent."""
    base = Path(os.environ.get("DEEPNOISE_SHARED_DATA", SHARED_DATA))

    def find(name: str) -> Path:
        folder = base / name
        if not folder.is_dir():
            pytest.skip(f"shared data set {name} is absent")
        return folder

    return find
