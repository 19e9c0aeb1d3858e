"""Held-out accuracy of the demo's three recipes with three seeds, by stage; chance stands beside it.

Run `python benchmarks/demo.py`; prints the table and writes `benchmarks/results/demo.json`.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from machine import measured_on

from deepnoise.console import Terminal
from deepnoise.demonstration import demonstrate, print_demonstration

RESULT = Path(__file__).parent / "results" / "demo.json"
SEEDS = range(3)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "demo"
        shown = demonstrate(out, "demo", SEEDS, device="cpu", observer=Terminal())
        print_demonstration(shown, out)
    result = {
        "trainings": [one.as_dict() for one in shown],
        **measured_on("deepnoise", "torch", "timm", "numpy"),
    }
    RESULT.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
