"""What `import deepnoise as dn` offers."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from deepnoise.listing import kind_named
from deepnoise.reporting import report
from deepnoise_core.contracts import Predictions, Screen
from deepnoise_core.contracts.errors import InputError
from deepnoise_core.data.plates import assign_plates
from deepnoise_registry.catalogue import Catalogue
from deepnoise_registry.discovery import discover_from_environment
from deepnoise_registry.recipes.reading import read_recipe
from deepnoise_registry.recipes.recipe import ComponentReference, Recipe
from deepnoise_registry.records import Offer

if TYPE_CHECKING:
    import polars as pl

    from deepnoise.corrections import Step
    from deepnoise.disentanglement import Progress
    from deepnoise.ensembles import Ensemble
    from deepnoise.exporting import Exported, Pixels, ProgramFormat
    from deepnoise.model import Model, PartName
    from deepnoise.series import Series
    from deepnoise.submission import Submission
    from deepnoise.training import Run
    from deepnoise_core.data.packs import Packed
    from deepnoise_core.data.packs.options import Codec
    from deepnoise_core.engine.devices import DeviceName
    from deepnoise_core.engine.observation import Observer
    from deepnoise_core.evaluation.accuracy import Evaluation
    from deepnoise_core.evaluation.comparison import Comparison
    from deepnoise_registry.compose import Composition
    from deepnoise_registry.verification import Verification

__all__ = [
    "assign_plates",
    "baseline",
    "compare",
    "components",
    "compose",
    "disentangle",
    "ensemble",
    "evaluate",
    "export",
    "installed",
    "load",
    "load_recipe",
    "open_screen",
    "pack",
    "report",
    "simulate",
    "submit",
    "train",
    "verify",
    "write_profiles",
]


def installed() -> Catalogue:
    """The components of all installed plugins, found anew; `DEEPNOISE_PLUGINS` may narrow them."""
    return Catalogue(discover_from_environment(os.environ))


def components(kind: str | None = None) -> tuple[Offer, ...]:
    """What can be named in a recipe: all components, or those of one kind (`backbone`, `head`, …)."""
    return installed().offers(kind_named(kind) if kind is not None else None)


def load_recipe(source: str | Path, *, sets: Sequence[str] = ()) -> Recipe:
    """A built-in recipe or a YAML file, with every default filled in.

    Args:
        source: name or path.
        sets: overrides such as `train.epochs=3`.
    """
    return read_recipe(source, installed(), sets=sets).recipe


def open_screen(path: str | Path, *, reader: str | None = None) -> Screen:
    """The screen at a path or URL, opened by the reader that recognises it or by the one that is named."""
    from deepnoise_registry.screens import open_screen as open_with

    reference = ComponentReference(name=reader) if reader is not None else None
    return open_with(path, installed(), reference)


def pack(
    screen: Screen | str | Path,
    out: str | Path,
    *,
    codec: Codec = "zstd",
    size: int | None = None,
    observer: Observer | None = None,
) -> Packed:
    """Write a screen as one sharded Zarr array with exact statistics; a killed call goes on when repeated.

    Args:
        screen: open, or the path of one.
        out: folder to write; must not exist yet.
        codec: `zstd` halves the bytes, `none` is fastest to read.
        size: side to resize sites to, in pixels; as they are where None.
        observer: is told of progress.
    """
    from deepnoise.packing import pack_folder
    from deepnoise_core.data.packs import PackOptions
    from deepnoise_core.engine.observation import Silent

    screen = screen if isinstance(screen, Screen) else open_screen(screen)
    return pack_folder(screen, Path(out), PackOptions(codec=codec, size=size), observer or Silent())


def simulate(preset: str = "tiny", *, seed: int = 0) -> Screen:
    """A simulated screen with known truth, in memory: `tiny`, `demo` or `ladder`."""
    from deepnoise.simulation import simulated_screen

    return simulated_screen(preset, seed=seed)


def compose(recipe: Recipe | str | Path, screen: Screen) -> Composition:
    """Build every component of a recipe for a screen, and train nothing."""
    from deepnoise_registry.compose import compose as compose_with

    return compose_with(_recipe(recipe), screen, installed())


def train(
    recipe: Recipe | str | Path,
    screen: Screen | str | Path,
    out: str | Path,
    *,
    folds: int | None = None,
    device: DeviceName = "auto",
    observer: Observer | None = None,
    exclude: str | Path | None = None,
) -> Run | Series:
    """Train a recipe on a screen; writes a run's folder, or a series' where there are stages or folds.

    Args:
        recipe: filled, or the name or path of one.
        screen: open, or the path of one.
        out: the run's folder, which must not exist yet.
        folds: train this many folds, each of which is validation once; as the recipe splits where None.
        device: `auto`, `cpu`, `cuda` or `mps`.
        observer: is told of progress.
        exclude: CSV of sites to leave out, `site_id,reason`.
    """
    from deepnoise.series import train_recipe

    screen = screen if isinstance(screen, Screen) else open_screen(screen)
    return train_recipe(
        _recipe(recipe),
        screen,
        Path(out),
        installed(),
        folds=folds,
        device=device,
        observer=observer,
        exclude=Path(exclude) if exclude is not None else None,
    )


def load(path: str | Path) -> Model | Ensemble:
    """The model of a run, a bundle or `hf-hub:org/name[@revision]`, or the ensemble that a series is."""
    return ensemble([path])


def ensemble(paths: Sequence[str | Path], *, weights: Sequence[float] | None = None) -> Model | Ensemble:
    """Several models that predict together; runs, bundles or series.

    Args:
        paths: folders or `hf-hub:org/name[@revision]`, at least one; reader and post-processors are the first's.
        weights: one a path, positive; of a series it is the weight of each member. All equal where None.
    """
    from deepnoise.ensembles import load_models

    return load_models(paths, installed(), weights)


def export(
    model: str | Path,
    out: str | Path,
    *,
    to: ProgramFormat,
    pixels: Pixels = "uint8",
    device: DeviceName = "cpu",
) -> Exported:
    """Write a model as one program from raw pixels and statistics to logits, proven equal to it.

    Args:
        model: as of `load`, but no series.
        out: file to write; must not exist yet.
        to: `pt2` (torch.export) or `onnx`.
        pixels: type of the images: `uint8` or `uint16`.
        device: where a `pt2` program runs.
    """
    from deepnoise.ensembles import load_models
    from deepnoise.exporting import export_model
    from deepnoise.model import Model

    loaded = load_models([model], installed())
    if not isinstance(loaded, Model):
        raise InputError(f"{model}: is a series; export its members one by one")
    return export_model(loaded, Path(out), to, pixels=pixels, device=device)


def verify(bundle: str | Path, *, device: DeviceName = "cpu") -> Verification:
    """Whether a bundle's files are as they were written, and its network still answers as it did.

    Args:
        bundle: the folder of a bundle or run, or `hf-hub:org/name[@revision]`.
        device: where golden tensors are replayed: `auto`, `cpu`, `cuda` or `mps`.
    """
    from deepnoise.model import bundle_folder
    from deepnoise_registry.verification import verify_bundle

    return verify_bundle(bundle_folder(bundle), installed(), device=device)


def evaluate(
    predictions: str | Path,
    screen: Screen | str | Path | None = None,
    *,
    protocol: str | None = None,
    top: Sequence[int] = (1, 5),
) -> Evaluation:
    """Accuracy by stage of a folder of predictions, against the labels of the screen they were made from.

    Args:
        predictions: the folder.
        screen: open, or the path of one, where it is no longer where it was predicted from.
        protocol: `rcic`, `wilds` or `custom`, whose rules must have been kept; told by what was done where None.
        top: the numbers k of best scored classes among which a well's own is looked for.
    """
    from deepnoise.evaluation import evaluate_folder
    from deepnoise.words import protocol_name

    return evaluate_folder(
        Path(predictions), installed(), _opened(screen), protocol=protocol_name(protocol), top=top
    )


def compare(
    predictions: Sequence[str | Path], screen: Screen | str | Path | None = None, *, protocol: str | None = None
) -> Comparison:
    """Folders of predictions of the same wells side by side; all others are refused.

    Args:
        predictions: two folders or more; all are compared with the first.
        screen: as of `evaluate`.
        protocol: as of `evaluate`.
    """
    from deepnoise.evaluation import compare_folders
    from deepnoise.words import protocol_name

    folders = [Path(one) for one in predictions]
    return compare_folders(folders, installed(), _opened(screen), protocol=protocol_name(protocol))


def disentangle(
    predictions: Predictions | str | Path,
    screen: Screen | str | Path | None = None,
    *,
    steps: Sequence[Step] = (),
    part: PartName | None = None,
    seed: int = 0,
) -> Progress:
    """Signal apart from noise in embeddings, before and after corrections, with anchors beside them.

    Args:
        predictions: with embeddings; a folder of them, or what `predict` returned.
        screen: with the labels, open or the path of one; the predicted one where None, which
            a folder alone tells.
        steps: corrections, one upon the other, as post-processors are named in a recipe: `"sphering"`, or
            `{"name": "center-scale", "options": {"level": "experiment"}}`.
        part: wells that count: `all`, `train`, `validation` or `test`; those never trained on where None.
        seed: of folds, intervals, nulls and anchors.
    """
    from deepnoise.corrections import built_steps, filled_steps
    from deepnoise.disentanglement import measure_folder, measure_steps

    catalogue, opened = installed(), _opened(screen)
    built = built_steps(filled_steps(steps, catalogue), catalogue)
    if isinstance(predictions, Predictions):
        if opened is None:
            raise InputError(
                "predictions in memory do not tell their screen; name it: disentangle(predictions, screen)"
            )
        return measure_steps(predictions, opened, built, part=part, seed=seed)
    return measure_folder(Path(predictions), catalogue, opened, steps=built, part=part, seed=seed)


def submit(
    predictions: str | Path,
    out: str | Path,
    *,
    stage: str | None = None,
    screen: Screen | str | Path | None = None,
) -> Submission:
    """Write a folder of predictions as the CSV that the RCIC competition takes: id_code,sirna.

    Args:
        predictions: the folder.
        out: CSV to write; must not exist yet.
        stage: `raw`, `group` or `assigned`; the last that the predictions have where None.
        screen: as of `evaluate`.
    """
    from deepnoise.submission import submit_folder
    from deepnoise.words import stage_name

    return submit_folder(
        Path(predictions), Path(out), installed(), stage=stage_name(stage), screen=_opened(screen)
    )


def baseline(
    embeddings: str | Path,
    metadata: str | Path,
    out: str | Path,
    *,
    target: str = "perturbation",
    leave_out: str = "experiment",
    features: str | None = None,
    steps: Sequence[Step] = (),
) -> Predictions:
    """Score precomputed embeddings by the class means of all other experiments, and write them as predictions.

    Args:
        embeddings: CSV or Parquet table, a row a site or well.
        metadata: their screen, or a table of its sites or wells; images are not needed.
        out: folder to write, which must not exist yet.
        target: column whose values are the classes.
        leave_out: column whose rows of one value are scored by all others, such as plate or compound.
        features: names of the features' columns, with `*` for anything; as the file shows where None.
        steps: corrections of embeddings that come first, as of `disentangle`.
    """
    from deepnoise.baselines import BaselineOptions, write_baseline
    from deepnoise.corrections import filled_steps

    catalogue = installed()
    options = BaselineOptions(target, leave_out, features, filled_steps(steps, catalogue))
    return write_baseline(Path(embeddings), Path(metadata), Path(out), options, catalogue)


def write_profiles(
    predictions: str | Path, out: str | Path, *, screen: Screen | str | Path | None = None
) -> pl.DataFrame:
    """Write a folder of predictions as one table for pycytominer, copairs or scanpy, one row a well.

    Args:
        predictions: the folder.
        out: a `.parquet`, `.csv` or `.h5ad` file, which must not exist yet.
        screen: the screen that they were made from, open or the path of one, where it is no longer there.
    """
    from deepnoise.handover import write_profiles as write

    return write(Path(predictions), Path(out), installed(), _opened(screen))


def _opened(screen: Screen | str | Path | None) -> Screen | None:
    return open_screen(screen) if isinstance(screen, str | Path) else screen


def _recipe(recipe: Recipe | str | Path) -> Recipe:
    return recipe if isinstance(recipe, Recipe) else load_recipe(recipe)
