"""`deepnoise import`: weights of another program as a bundle."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

EXAMPLE = (
    "Example: deepnoise import net.pth --map rules.yaml --recipe mine.yaml --classes classes.txt "
    "--channels red,green,blue --out bundle"
)


def run(
    checkpoint: Annotated[Path, typer.Argument(metavar="FILE", help="What torch.save wrote.")],
    rules: Annotated[Path, typer.Option("--map", metavar="FILE", help="YAML: how tensors are renamed.")],
    recipe: Annotated[str, typer.Option(help="Built-in recipe or YAML file that names the network.")],
    classes: Annotated[
        Path, typer.Option(metavar="FILE", help="Names of the classes in the order of the logits, one a line.")
    ],
    channels: Annotated[str, typer.Option(metavar="A,B,…", help="Names of the channels in the network's order.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of the bundle; must not exist yet.")],
    size: Annotated[
        int | None, typer.Option(min=1, help="Side of the images in pixels; data.image_size where not given.")
    ] = None,
) -> None:
    """Write a bundle with the weights of a PyTorch checkpoint, read as tensors alone in a process of its own."""
    from deepnoise.api import installed, load_recipe
    from deepnoise.console import Terminal
    from deepnoise.importing import described, import_checkpoint, read_rules

    filled, terminal = load_recipe(recipe), Terminal()
    known = described(classes, channels, size, filled)
    for note in import_checkpoint(checkpoint, read_rules(rules), filled, known, out, installed()):
        terminal.note(note)
    terminal.note(f"a bundle in {out}; next: deepnoise predict {out} --screen PATH --out DIR")
