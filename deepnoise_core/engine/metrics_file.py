"""`metrics.jsonl`: a line for each epoch."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from deepnoise_core.data.files import plain_disk_errors, replace_file

METRICS = "metrics.jsonl"


def append_line(path: Path, record: Mapping[str, float]) -> None:
    """Add an epoch's line."""
    with plain_disk_errors(path), path.open("a") as lines:
        lines.write(json.dumps(record) + "\n")


def cut_lines(path: Path, step: int) -> None:
    """Take out the lines of epochs that ended after a step, and one that a crash has cut off."""
    lines = path.read_text().splitlines() if path.exists() else []
    kept = [line for line in lines if _ends_by(line, step)]
    if kept != lines:
        replace_file(path, "".join(f"{line}\n" for line in kept))


def _ends_by(line: str, step: int) -> bool:
    try:
        return bool(json.loads(line)["step"] <= step)
    except ValueError:
        return False
