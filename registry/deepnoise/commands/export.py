"""`deepnoise export`: a model as one program that runs without deepnoise."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

EXAMPLE = "Example: deepnoise export runs/first --to onnx -o model.onnx"


def run(
    bundle: Annotated[str, typer.Argument(metavar="BUNDLE", help="Folder of a run or bundle, or a reference.")],
    to: Annotated[str, typer.Option(metavar="FORMAT", help="pt2 (torch.export) or onnx.")],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FILE", help="File to write; must not exist yet.")],
    pixels: Annotated[str, typer.Option(help="Type of the images: uint8 or uint16.")] = "uint8",
    device: Annotated[str, typer.Option(help="Where a pt2 program runs: auto, cpu, cuda or mps.")] = "cpu",
) -> None:
    """Write one program from raw pixels and statistics to logits, after it has been compared with the model."""
    from deepnoise.api import export
    from deepnoise.console import Terminal
    from deepnoise.exporting import pixel_type, program_format
    from deepnoise_core.engine.devices import device_name

    made = export(bundle, out, to=program_format(to), pixels=pixel_type(pixels), device=device_name(device))
    terminal = Terminal()
    for part in ("inputs", "outputs"):
        for one in made.interface[part]:
            shape = ", ".join(map(str, one["shape"]))
            terminal.note(f"{part[:-1]} {one['name']}: {one['dtype']} [{shape}]; {one['meaning']}")
    terminal.note(f"{out}: differs from the model by {made.difference:.1e} of its largest output at most")
