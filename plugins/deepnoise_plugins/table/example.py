"""A small screen as this reader's layout has it, which the conformance suite reads."""

from __future__ import annotations

from pathlib import Path

from deepnoise_core.testing.screens import write_picture

_SITES = """experiment,plate,well,site,role,perturbation,cell_type,nuclei,actin
E1,P1,B02,1,negative_control,DMSO,U2OS,P1/B02_1_n.png,P1/B02_1_a.png
E1,P1,B02,2,negative_control,DMSO,U2OS,P1/B02_2_n.png,P1/B02_2_a.png
E1,P1,C03,1,treatment,taxol,U2OS,P1/C03_1_n.png,P1/C03_1_a.png
E1,P2,C03,1,treatment,,U2OS,P2/C03_1_n.png,P2/C03_1_a.png
"""


def write_example(folder: Path) -> Path:
    """Write a table of four sites on two plates, and its images, to an empty folder."""
    (folder / "sites.csv").write_text(_SITES)
    for seed, line in enumerate(_SITES.splitlines()[1:]):
        for channel, name in enumerate(line.split(",")[-2:]):
            write_picture(folder / name, 2 * seed + channel)
    return folder
