"""A small screen as this reader's layout has it, which the conformance suite reads."""

from __future__ import annotations

from itertools import product
from pathlib import Path

from deepnoise_core.testing.screens import write_picture

_WELLS = {"B02": ("negative_control", "EMPTY", 1138), "B03": ("treatment", "s15652", 513)}


def write_example(folder: Path) -> Path:
    """Write eight sites on two plates, as the public release has them, to an empty folder."""
    lines = ["site_id,well_id,cell_type,dataset,experiment,plate,well,site,well_type,sirna,sirna_id"]
    for plate, well, site in product((1, 2), _WELLS, (1, 2)):
        role, sirna, number = _WELLS[well]
        name = f"HUVEC-01_{plate}_{well}"
        lines.append(f"{name}_{site},{name},HUVEC,train,HUVEC-01,{plate},{well},{site},{role},{sirna},{number}")
        for channel in range(1, 7):
            file = folder / "images" / "HUVEC-01" / f"Plate{plate}" / f"{well}_s{site}_w{channel}.png"
            write_picture(file, 6 * len(lines) + channel)
    (folder / "metadata.csv").write_text("\n".join(lines) + "\n")
    return folder
