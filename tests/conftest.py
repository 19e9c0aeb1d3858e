"""Fixtures of every room."""

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

settings.load_profile("ci")  # everywhere: the same examples each time, and no limit on what they take

FAULTS = Path(__file__).resolve().parents[1] / "docs" / "faults.md"
STANDS_FOR_ANYTHING = re.compile(r"\b(?:N|DEVICE|FILE|FOLDER|LOSS|PATH|REASON|RUN|SCREEN|SITES?)\b")
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


def faults_on_the_page() -> dict[str, tuple[str, str]]:
    """What happens → message, empty where nothing is said, and exit code, as docs/faults.md tells them."""
    told = FAULTS.read_text().partition("## What was tried at random")[0]
    rows = [line.strip("| ").split(" | ") for line in told.splitlines() if line.startswith("| ")]
    return {
        what: (said.strip("`") if said.startswith("`") else "", code)
        for what, said, code, _ in rows
        if what != "what happens"
    }


@pytest.fixture(scope="session")
def tells_of() -> Callable[..., None]:
    """Fails unless the program said of a fault what docs/faults.md has it say, and ended with its code."""
    page = faults_on_the_page()

    def check(what: str, said: object, code: int | None = None) -> None:
        message, codes = page[what]
        pattern = "(?s:.+)".join(map(re.escape, STANDS_FOR_ANYTHING.split(message)))
        assert re.search(pattern, str(said)), f"docs/faults.md has {message!r}, the program said {str(said)!r}"
        assert code is None or str(code) in codes.split(", ")

    return check
