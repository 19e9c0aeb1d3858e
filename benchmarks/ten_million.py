"""Whether a screen of ten million sites is planned, divided and written in flat memory, beside one of a million.

Run `python benchmarks/ten_million.py`; some minutes and 5 GB of disk. Prints what each stage takes and writes
`benchmarks/results/ten_million.json`. There are no images: a site's pixels spell its row, and the network is a
matrix that turns them into an embedding, so that every embedding is known. All else is what trainings and
`deepnoise embed` run. Each stage is a process of its own, whose peak of memory `getrusage` tells; the table of
sites is in it.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

RESULT = Path(__file__).parent / "results" / "ten_million.json"
SIZES = (1_000_000, 10_000_000)
PROCESSES, BATCH, FEATURES = 64, 8192, 32
STAGES = (
    "open the table",
    "open a pack",
    "plan an epoch",
    "divide it among 64",
    "write embeddings",
    "read them lazily",
    "predict wells",
)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--stage", choices=("table", *STAGES))
    parser.add_argument("--sites", type=int)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--out", type=Path, default=RESULT)
    wanted = parser.parse_args()
    if wanted.stage:
        print(json.dumps(stage(wanted.stage, wanted.sites, wanted.folder)))
        return
    found: dict[str, dict[str, Any]] = {name: {} for name in STAGES}
    with tempfile.TemporaryDirectory() as folder:
        for sites in SIZES:
            in_own_process("table", sites, folder)
            for name in STAGES:
                found[name][str(sites)] = in_own_process(name, sites, folder)
                print(name, sites, found[name][str(sites)], flush=True)
    record = {
        "stages": [{"stage": name, **row(by_size)} for name, by_size in found.items()],
        "processes": PROCESSES,
        "sites_a_step": BATCH,
        "features": FEATURES,
        "cores": os.cpu_count(),
        "machine": platform.processor() or platform.machine(),
        "python": platform.python_version(),
    }
    wanted.out.write_text(json.dumps(record, indent=2) + "\n")


def row(by_size: dict[str, dict[str, float]]) -> dict[str, Any]:
    """Figures of a stage by size, and what a site adds to its peak, with the table of sites and without."""
    few, many = (by_size[str(sites)] for sites in SIZES)
    more = SIZES[1] - SIZES[0]
    names = ("peak_mb", "own_mb")
    grown = {f"{name}_bytes_a_site": round((many[name] - few[name]) * 1e6 / more, 1) for name in names}
    return {"sites": by_size, **grown}


def in_own_process(name: str, sites: int, folder: str) -> dict[str, float]:
    """What a stage prints."""
    words = ["--stage", name, "--sites", str(sites), "--folder", folder]
    done = subprocess.run([sys.executable, __file__, *words], stdout=subprocess.PIPE, check=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def stage(name: str, sites: int, folder: Path) -> dict[str, float]:
    """Do the work of a stage; its seconds and memory, with and without that of the table."""
    import simulated_index as index
    import simulated_pack as pack

    works: dict[str, Callable[[], Callable[[], None]]] = {
        "table": lambda: lambda: pack.write_pack(index.write_table(sites, folder), folder, index.CHANNELS),
        "open the table": lambda: lambda: index.opened(sites, folder),
        "open a pack": lambda: lambda: pack.opened_pack(sites, folder),
        "plan an epoch": lambda: index.planning(sites, folder),
        "divide it among 64": lambda: index.dividing(sites, folder),
        "write embeddings": lambda: index.writing(sites, folder),
        "read them lazily": lambda: lambda: index.read_back(sites, folder),
        "predict wells": lambda: index.predicting(sites, folder),
    }
    work = works[name]()
    before, began = peak(), time.perf_counter()
    work()
    seconds, after = time.perf_counter() - began, peak()
    return {"seconds": round(seconds, 1), "peak_mb": round(after), "own_mb": round(after - before)}


def peak() -> float:
    """Most memory that this process has had so far, in MB."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


if __name__ == "__main__":
    main()
