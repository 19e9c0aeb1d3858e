"""Fixtures of every room."""

import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

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


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many laws of each kind were kept, since a suite that runs none is green too."""
    kept = Counter(
        kind
        for report in terminalreporter.getreports("passed")
        for name, kind in getattr(report, "user_properties", ())
        if name == "law of" and report.when == "call"
    )
    if kept:
        counts = ", ".join(f"{count} of {kind}" for kind, count in sorted(kept.items()))
        terminalreporter.write_line(f"laws kept: {kept.total()} ({counts})")
