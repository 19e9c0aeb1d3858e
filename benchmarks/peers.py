"""Whether our steps are as fast as those of the programs that others train with, on the same network and sites.

Run `make bench-peers`, or `python benchmarks/peers.py`: minutes on one core. Prints a table, and writes
`benchmarks/results/peers.json`. The loops take turns, ten steps each, so that other work slows all alike; times
are those that the loop's thread works: ratios of turns that follow one another, the median of them. timm's
`train.py` is not part of its package, so that its loop is written from what it does, around timm's own
optimizer, schedule and meter; USB's steps are those of the released `semilearn`, which is put beside the
repository's environment.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import torch
from bars import Row, at_least, show, shown
from few_labels import usb
from loops.material import material, packed_screen
from loops.ours import Beside, beside
from loops.peers import AS_USB, under_timm, under_usb
from loops.predicting import BACKBONE
from machine import measured_on

RESULT = Path(__file__).parent / "results" / "peers.json"
SIDE, BATCH, STEPS = 64, 8, 60
AS_IT_IS, LENT = "as it is", "channels last"


def main() -> None:
    torch.set_num_threads(1)
    usb.install()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        screen = packed_screen(folder / "screen", SIDE)
        made = material(screen, STEPS, BATCH, "strategy=supervised", BACKBONE)
        others = {AS_IT_IS: under_timm(made, "contiguous"), LENT: under_timm(made, "channels_last")}
        rows = compared("supervised", "timm's train.py", beside(made, folder / "supervised", others))
        made = material(screen, STEPS, BATCH, *AS_USB, BACKBONE)
        others = {AS_IT_IS: under_usb(made, "contiguous"), LENT: under_usb(made, "channels_last")}
        rows += compared("mean teacher", "USB", beside(made, folder / "teacher", others))
    show("Steps of DenseNet-121 beside those of others", rows)
    record = {
        "rows": rows,
        "batch": BATCH,
        "side": SIDE,
        "threads": 1,
        **measured_on("deepnoise", "torch", "timm", semilearn=usb.VERSION),
    }
    RESULT.write_text(json.dumps(record, indent=2, ensure_ascii=False) + "\n")


def compared(step: str, program: str, found: Beside) -> list[Row]:
    """Our step, and how much longer the other program's takes: as it is, and lent our order of images."""
    return [
        shown(f"our step, {step}, in ms", 1e3 * found.typical("ours")),
        at_least(f"{program} / our step, {step}", found.ratio(AS_IT_IS, "ours"), 1),
        at_least(f"{program} with channels last / our step, {step}", found.ratio(LENT, "ours"), 1),
    ]


if __name__ == "__main__":
    main()
