"""Reports as users ask for them; what draws the page is imported when it is drawn."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from deepnoise.api.catalogue import installed
from deepnoise.api.screens import open_screen

if TYPE_CHECKING:
    from deepnoise.corrections import Step
    from deepnoise.pictures.embedding_map import Method
    from deepnoise_core.contracts import Screen
    from deepnoise_core.engine.observation import Observer


def report(
    source: str | Path,
    out: str | Path,
    *,
    screen: Screen | str | Path | None = None,
    megabytes: float = 8.0,
    layout: Method = "auto",
    saliency: int = 32,
    steps: Sequence[Step] | None = None,
    observer: Observer | None = None,
) -> Path:
    """Write one self-contained HTML page about a run or a folder of predictions, and return its path.

    Args:
        source: a run's folder, or a folder of predictions.
        out: the file; must not exist yet.
        screen: with images and labels; where it was predicted from if None.
        megabytes: what pictures of wells may take; none are made with 0.
        layout: map of embeddings: `umap`, `pca`, or `auto`, which is UMAP where it is installed.
        saliency: wells to predict again without each channel; of up to six it is shown where the evidence lies; 0
            does neither.
        steps: corrections of embeddings after which signal and noise are measured, as of `disentangle`; one that
            cannot be fitted is noted. Plates centred and scaled, then all whitened, where None.
        observer: is told of progress.

    Raises:
        InputError: the source is neither, its predictions are of another screen, or the file is taken.
    """
    from deepnoise.reports.assembly import Choices
    from deepnoise.reports.page import write_report

    opened = open_screen(screen) if isinstance(screen, str | Path) else screen
    choices = Choices(megabytes, layout, saliency, steps)
    return write_report(Path(source), Path(out), installed(), screen=opened, choices=choices, observer=observer)
