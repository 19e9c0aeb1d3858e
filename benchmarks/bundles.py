"""How long a bundle of 100 MB takes to load, and in how much memory, beside reading and hashing its file.

Each way runs in a process of its own, whose memory is counted from before the file is touched. The file lies in
the page cache, so that a disk does not hide what loading costs.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import bars
import torch
from machine import measured_on

import deepnoise as dn
from deepnoise.api import installed
from deepnoise_registry.bundles import read_bundle, write_bundle
from deepnoise_registry.manifest import WEIGHTS

RESULT = Path(__file__).parent / "results" / "bundles.json"
ROUNDS = 5
BACKBONE = "backbone={name: timm, options: {model: resnet50}}"


def main() -> int:
    """Write a bundle of a ResNet-50, and read it in three ways."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--way", nargs=2, metavar=("NAME", "BUNDLE"), help=argparse.SUPPRESS)
    way = parser.parse_args().way
    if way:
        print(json.dumps(measured(way[0], Path(way[1]))))
        return 0
    with tempfile.TemporaryDirectory() as folder:
        bundle = Path(folder) / "bundle"
        written(bundle)
        size = (bundle / WEIGHTS).stat().st_size
        found = {name: child(name, bundle) for name in ("read", "hash", "load")}
    read, hashed, load = (found[name]["seconds"] for name in ("read", "hash", "load"))
    rows = [
        bars.shown("megabytes of weights", size / 1e6),
        bars.shown("seconds to read the file", read),
        bars.shown("seconds to read and hash it, as every download must", hashed),
        bars.shown("seconds to load the bundle", load),
        bars.at_most("loading, over reading and hashing", load / hashed, 2.0),
        bars.shown("loading, over reading alone", load / read),
        bars.at_most("peak memory of loading, over the weights", found["load"]["bytes"] / size, 1.2),
    ]
    bars.show("Loading a bundle", rows)
    record = {
        **measured_on("deepnoise", "torch", "safetensors"),
        "rounds": ROUNDS,
        "rows": rows,
    }
    RESULT.write_text(json.dumps(record, indent=2) + "\n")
    return int(bars.missed(rows))


def written(out: Path) -> None:
    """A bundle of a network at its start; what it would answer does not matter here."""
    catalogue = installed()
    recipe = dn.load_recipe("tiny", sets=[BACKBONE])
    composition = dn.compose(recipe, dn.simulate("tiny"))
    training = {"best": {}, "split": {"unit": "experiment"}, "transductive": [], "target": "perturbation"}
    write_bundle(out, composition, composition.student.state_dict(), training, catalogue)


def child(name: str, bundle: Path) -> dict[str, float]:
    """What one way takes, in a process of its own."""
    done = subprocess.run(
        [sys.executable, __file__, "--way", name, str(bundle)], capture_output=True, text=True, check=True
    )
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return figures


def measured(name: str, bundle: Path) -> dict[str, float]:
    """Best of several rounds in seconds, and the bytes that the first of them needed at its peak."""
    torch.set_num_threads(1)
    catalogue = installed()
    ways: dict[str, Callable[[], object]] = {
        "read": lambda: (bundle / WEIGHTS).read_bytes(),
        "hash": lambda: hashlib.sha256((bundle / WEIGHTS).read_bytes()).hexdigest(),
        "load": lambda: read_bundle(bundle, catalogue),
    }
    # What is imported for any network is no memory of this one.
    dn.compose("tiny", dn.simulate("tiny"))
    # From now on the peak is counted anew.
    Path("/proc/self/clear_refs").write_text("5")
    before, seconds = memory("VmRSS"), []
    for number in range(ROUNDS):
        started = time.perf_counter()
        kept = ways[name]()
        seconds.append(time.perf_counter() - started)
        if not number:
            needed = memory("VmHWM") - before
        del kept
    return {"seconds": min(seconds), "bytes": needed}


def memory(field: str) -> int:
    """What Linux says of this process's memory in bytes: `VmRSS` now, `VmHWM` at its peak."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * int(next(line for line in lines if line.startswith(field)).split()[1])


if __name__ == "__main__":
    sys.exit(main())
