"""Predicting a screen into a folder."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

from deepnoise.ensembles import Ensemble
from deepnoise.model import Model, PartName, Unit
from deepnoise.pictures.plate_map import draw_plate_maps
from deepnoise_core.contracts import Predictions, Screen
from deepnoise_core.contracts.plan import BadImages, TestTimeViews
from deepnoise_core.data.files import fresh_folder, refuse_taken
from deepnoise_core.data.prediction_table import write_predictions
from deepnoise_core.engine.devices import DeviceName
from deepnoise_core.engine.observation import Observer
from deepnoise_core.engine.processes import is_first, wait_for_all


def predict_folder(
    model: Model | Ensemble,
    screen: Screen,
    out: Path,
    *,
    part: PartName = "all",
    device: DeviceName = "auto",
    bad_images: BadImages | None = None,
    tta: TestTimeViews | None = None,
    unit: Unit = "well",
    observer: Observer,
) -> Predictions:
    """Predict a screen and write tables, and of wells a plate map of each experiment under `plates/`.

    Of several processes each calls this and predicts a share; the first one writes the same bytes as one alone.

    Sites that were left out stand with their reason under `dropped_sites` in the provenance.

    Raises:
        InputError: the folder is taken, or the screen does not fit the model.
    """
    if is_first():
        refuse_taken(out, "a folder of predictions")
    predictions, seen = model.predict_readable(
        screen, part=part, device=device, bad_images=bad_images, tta=tta, unit=unit, observer=observer
    )
    if is_first():
        with fresh_folder(out, "a folder of predictions") as folder:
            write_folder(predictions, folder, model, seen)
            if not predictions.per_site:
                draw_plate_maps(predictions, folder / "plates")
    wait_for_all()
    return predictions


def write_folder(predictions: Predictions, out: Path, model: Model | Ensemble, screen: Screen) -> None:
    """Write predictions with the model and screen that they came from."""
    write_predictions(predictions, out, provenance=_provenance(model, screen))


def _provenance(model: Model | Ensemble, screen: Screen) -> dict[str, object]:
    reader = model.recipe.reader
    return {
        **model.provenance(),
        "screen": screen.source,
        "reader": screen.reader,
        "reader_options": dict(reader.options) if reader else {},
        "target": model.recipe.data.target,
        "dropped_sites": {one.site_id: one.reason for one in screen.dropped},
        "deepnoise": version("deepnoise"),
    }
