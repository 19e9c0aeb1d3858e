"""Predicting a screen into a folder."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

from deepnoise.ensembles import Ensemble
from deepnoise.model import Model, PartName, Unit
from deepnoise.pictures.plate_map import draw_plate_maps
from deepnoise.site_outputs import Keep, Seeing
from deepnoise_core.contracts import Predictions, Screen
from deepnoise_core.contracts.errors import OtherWorkError
from deepnoise_core.contracts.plan import BadImages, TestTimeViews
from deepnoise_core.data.files import fresh_folder, plain_disk_errors, refuse_taken, sole_writer
from deepnoise_core.data.prediction_table import write_predictions
from deepnoise_core.engine.devices import DeviceName
from deepnoise_core.engine.observation import Observer
from deepnoise_core.engine.processes import is_first, meeting_point

_RESULT = "result"


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
) -> Predictions | None:
    """Predict a screen and write tables, and of wells a plate map of each experiment under `plates/`.

    Of several processes each calls this and predicts a share; the first one writes the same bytes as one alone.
    Until it has, what the network says of sites is kept in shards beside the folder, in `out.partial`, from where
    the same call goes on after a kill.

    Sites that were left out stand with their reason under `dropped_sites` in the provenance.

    Returns:
        What was written; None in all processes but the first.

    Raises:
        InputError: the folder is taken, or the screen does not fit the model.
    """
    meet = meeting_point()
    made = None
    with _workplace(out, observer) as work:
        finish = model.see(screen, part, unit, Seeing(device, bad_images, tta, observer, Keep(work / "sites")))
        if is_first():
            made, seen = finish()
            with fresh_folder(work / _RESULT, "a folder of predictions") as folder:
                write_folder(made, folder, model, seen)
                if not made.per_site:
                    draw_plate_maps(made, folder / "plates")
            if out.is_dir():
                out.rmdir()
            (work / _RESULT).rename(out)
    meet()
    return made


@contextmanager
def _workplace(out: Path, observer: Observer) -> Iterator[Path]:
    """A folder for what is needed until predictions are there; it stays where the block does not end well."""
    work = out.with_name(f"{out.name}.partial")
    if not is_first():
        yield work
        return
    refuse_taken(out, "a folder of predictions")
    with plain_disk_errors(out):
        out.parent.mkdir(parents=True, exist_ok=True)
        with sole_writer(out.with_name(f".{out.name}.lock"), out, "predicting there"):
            shutil.rmtree(work / _RESULT, ignore_errors=True)
            try:
                yield work
            except OtherWorkError:
                raise
            except BaseException:
                if any(work.rglob("shard-*.parquet")):
                    observer.note(
                        f"what was predicted is kept in {work}; the command that began it goes on from there"
                    )
                else:
                    shutil.rmtree(work, ignore_errors=True)
                raise
            shutil.rmtree(work, ignore_errors=True)


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
