"""What trainings on a GPU must reach: the loop beside a bare one, precision, memory, waiting, repeats, compiling.

Run `python benchmarks/gpu.py` on a machine with a GPU; six minutes. Prints each row as it is found, and writes
`benchmarks/results/gpu.json`. Sites are 6 x 512 x 512 from a pack. `--rehearse` runs nearly every row on a CPU,
with small sites, and writes nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # before torch starts: deterministic products need it

import torch
from bars import Row, show
from machine import measured_on
from on_gpu import rows
from on_gpu.trainings import Setting, packed_screen

RESULT = Path(__file__).parent / "results" / "gpu.json"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", default="resnet50", help="of timm")
    parser.add_argument("--batch", type=int, default=32, help="labelled sites a step")
    parser.add_argument("--rehearse", action="store_true")
    wanted = parser.parse_args()
    if not (wanted.rehearse or torch.cuda.is_available()):
        print("there is no GPU here; --rehearse runs every row on the CPU", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        screen = packed_screen(folder / "pack", 64 if wanted.rehearse else 512)
        device, steps = ("cpu", 24) if wanted.rehearse else ("cuda", 40)
        setting = Setting(screen, device, wanted.network, wanted.batch, 10, steps)
        found = list(measured(setting, folder))
    show("Training on a GPU", found)
    if not wanted.rehearse:
        record = {
            "rows": found,
            "network": wanted.network,
            "batch": wanted.batch,
            "device": torch.cuda.get_device_name(),
            **measured_on("deepnoise", "torch", "timm"),
        }
        RESULT.write_text(json.dumps(record, indent=2, ensure_ascii=False) + "\n")
    return 0


def measured(setting: Setting, folder: Path) -> Iterator[Row]:
    """All rows, each printed as soon as it is there, since a rented machine may be gone before the last."""
    places = {
        one: folder / one for one in ("loops", "precision", "teacher", "work", "waits", "twice", "compiled")
    }
    for place in places.values():
        place.mkdir()
    first, usual = rows.loops(setting, places["loops"])
    yield from told(first)
    yield from told(rows.precision(setting, places["precision"], usual))
    yield from told(rows.teacher(setting, places["teacher"], usual))
    yield from told(rows.occupation(setting, places["work"]))
    if setting.device == "cuda":
        yield from told(rows.waits(setting, places["waits"]))
    yield from told(rows.repeats(setting, places["twice"], usual))
    yield from told(rows.probed(setting))
    yield from told(rows.compiled(setting, places["compiled"], usual))


def told(found: list[Row]) -> list[Row]:
    """The rows, printed."""
    for row in found:
        print(json.dumps(row, ensure_ascii=False), flush=True)
    return found


if __name__ == "__main__":
    sys.exit(main())
