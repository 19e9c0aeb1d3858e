"""`deepnoise embed`: what a network sees in every site of a screen."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from deepnoise.options import BadImages, Device, Exclude, SeenScreen, TestTimeViews

if TYPE_CHECKING:
    from deepnoise_core.engine.devices import DeviceName

EXAMPLE = "Example: deepnoise embed runs/first --screen screens/demo --out embeddings"


def run(
    context: typer.Context,
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="Folder of a run or bundle, or hf-hub:org/name[@rev].")
    ],
    screen: SeenScreen,
    out: Annotated[Path, typer.Option(help="Folder to write, or to go on with where the same command began it.")],
    part: Annotated[
        str, typer.Option(help="Wells whose sites are embedded: all, train, validation, or test.")
    ] = "all",
    tta: TestTimeViews = None,
    logits: Annotated[bool, typer.Option("--logits", help="Logits of all classes too.")] = False,
    shard_sites: Annotated[
        int, typer.Option(help="Sites of a shard at most; a shard is one Parquet file.")
    ] = 4096,
    device: Device = "auto",
    exclude: Exclude = None,
    bad_images: BadImages = None,
    processes: Annotated[int, typer.Option(help="Processes of this machine that write some shards each.")] = 1,
) -> None:
    """Write embeddings of all sites in shards; what was killed goes on when repeated."""
    from deepnoise.launching import divided

    def work(named: DeviceName) -> None:
        _embed(model, screen, out, part, tta, named, exclude, bad_images, logits=logits, shard_sites=shard_sites)

    divided(context.obj, processes, device, work)


def _embed(
    model: str,
    screen: str,
    out: Path,
    part: str,
    tta: str | None,
    device: DeviceName,
    exclude: Path | None,
    bad_images: str | None,
    *,
    logits: bool,
    shard_sites: int,
) -> None:
    from deepnoise.console import Terminal
    from deepnoise.embedding import embed_folder
    from deepnoise.opening import opened_for
    from deepnoise.words import bad_images_policy, part_name, test_time_views
    from deepnoise_core.engine.observation import Silent
    from deepnoise_core.engine.processes import is_first

    terminal = Terminal() if is_first() else Silent()
    loaded, opened = opened_for([model], screen, terminal, exclude=exclude)
    record = embed_folder(
        loaded,
        opened,
        out,
        part=part_name(part),
        device=device,
        bad_images=bad_images_policy(bad_images),
        tta=test_time_views(tta),
        logits=logits,
        shard_sites=shard_sites,
        observer=terminal,
    )
    if record is not None:
        sites = sum(shard.sites for shard in record.shards)
        terminal.note(f"{sites:,} sites in {len(record.shards):,} shards in {out}, which is complete")
