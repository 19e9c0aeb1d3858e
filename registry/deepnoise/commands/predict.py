"""`deepnoise predict`: name the perturbation of every well of a screen."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from deepnoise.options import BadImages, Device, Exclude, SeenScreen, TestTimeViews

if TYPE_CHECKING:
    from deepnoise.model import Unit
    from deepnoise_core.engine.devices import DeviceName

EXAMPLE = "Example: deepnoise predict runs/first --screen screens/demo --out predictions --part test"


def run(
    context: typer.Context,
    models: Annotated[
        list[str],
        typer.Argument(
            metavar="MODEL...",
            help="Folders of runs, series or bundles, or hf-hub:org/name[@rev]; several predict together.",
        ),
    ],
    screen: SeenScreen,
    out: Annotated[Path, typer.Option(help="Folder to write; must not exist yet.")],
    part: Annotated[
        str, typer.Option(help="Wells to predict: all, train, validation, or test (never seen with labels).")
    ] = "all",
    weights: Annotated[
        str | None, typer.Option(metavar="W,W,…", help="What each MODEL counts; all the same if not given.")
    ] = None,
    tta: TestTimeViews = None,
    sites: Annotated[
        bool,
        typer.Option("--sites", help="Each site by itself, as WILDS counts; no plate knowledge, no wells."),
    ] = False,
    device: Device = "auto",
    exclude: Exclude = None,
    bad_images: BadImages = None,
    processes: Annotated[int, typer.Option(help="Processes of this machine that predict a share each.")] = 1,
) -> None:
    """Predict a screen with one model or several; writes predictions.parquet, embeddings and plate maps."""
    from deepnoise.launching import divided

    def work(named: DeviceName) -> None:
        unit: Unit = "site" if sites else "well"
        _predict(models, screen, out, part, weights, tta, named, exclude, bad_images, unit=unit)

    divided(context.obj, processes, device, work)


def _predict(
    models: list[str],
    screen: str,
    out: Path,
    part: str,
    weights: str | None,
    tta: str | None,
    device: DeviceName,
    exclude: Path | None,
    bad_images: str | None,
    *,
    unit: Unit,
) -> None:
    from deepnoise.console import Terminal
    from deepnoise.opening import opened_for
    from deepnoise.prediction import predict_folder
    from deepnoise.words import bad_images_policy, numbers, part_name, test_time_views
    from deepnoise_core.engine.observation import Silent
    from deepnoise_core.engine.processes import is_first

    terminal, counts = Terminal() if is_first() else Silent(), numbers("--weights", weights)
    loaded, opened = opened_for(models, screen, terminal, weights=counts, exclude=exclude)
    predictions = predict_folder(
        loaded,
        opened,
        out,
        part=part_name(part),
        device=device,
        bad_images=bad_images_policy(bad_images),
        tta=test_time_views(tta),
        unit=unit,
        observer=terminal,
    )
    if predictions is not None:
        for note in predictions.notes:
            terminal.note(note)
        terminal.note(f"{len(predictions):,} {unit}s in {out}; next: deepnoise evaluate {out}")
