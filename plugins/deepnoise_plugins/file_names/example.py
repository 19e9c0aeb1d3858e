"""A small screen as this reader's layout has it, which the conformance suite reads."""

from __future__ import annotations

from itertools import product
from pathlib import Path

from deepnoise_core.testing.screens import write_picture


def write_example(folder: Path) -> Path:
    """Write eight sites on two plates, named as ImageXpress does, to an empty folder."""
    for seed, (plate, well, site, channel) in enumerate(product(("P1", "P2"), ("B02", "C03"), (1, 2), (1, 2, 3))):
        write_picture(folder / plate / f"{plate}_{well}_s{site}_w{channel}.png", seed)
    return folder
