"""Models: trained, loaded, verified and exported."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from deepnoise.api.catalogue import installed
from deepnoise.api.recipes import as_recipe
from deepnoise.api.screens import open_screen
from deepnoise_core.contracts import Screen
from deepnoise_core.contracts.errors import InputError
from deepnoise_registry.recipes.recipe import Recipe

if TYPE_CHECKING:
    import polars as pl

    from deepnoise.ensembles import Ensemble
    from deepnoise.exporting import Exported, Pixels, ProgramFormat
    from deepnoise.model import Model, PartName
    from deepnoise.series import Series
    from deepnoise.sweeps.sweep import Sweep
    from deepnoise.training import Run
    from deepnoise_core.contracts.plan import BadImages, TestTimeViews
    from deepnoise_core.engine.devices import DeviceName
    from deepnoise_core.engine.observation import Observer
    from deepnoise_registry.verification import Verification


def train(
    recipe: Recipe | str | Path,
    screen: Screen | str | Path,
    out: str | Path,
    *,
    folds: int | None = None,
    device: DeviceName = "auto",
    observer: Observer | None = None,
    exclude: str | Path | None = None,
    track: Sequence[str] = (),
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
        track: trackers to tell: `tensorboard`, `wandb`, `mlflow` or `trackio`.
    """
    from deepnoise.series import train_recipe
    from deepnoise.tracking import tracked
    from deepnoise_core.engine.observation import Silent

    screen = screen if isinstance(screen, Screen) else open_screen(screen)
    return train_recipe(
        as_recipe(recipe),
        screen,
        Path(out),
        installed(),
        folds=folds,
        device=device,
        observer=tracked(observer or Silent(), track),
        exclude=Path(exclude) if exclude is not None else None,
    )


def sweep(
    recipe: Recipe | str | Path,
    screen: str | Path,
    out: str | Path,
    *,
    grid: Sequence[str],
    seeds: int = 1,
    sets: Sequence[str] = (),
    folds: int | None = None,
    jobs: int = 1,
    part: PartName = "test",
    device: DeviceName = "auto",
    observer: Observer | None = None,
    track: Sequence[str] = (),
) -> Sweep:
    """Train every combination of a grid with several seeds, and evaluate each; goes on where `out` holds it.

    Args:
        recipe: filled, or the name or path of one.
        screen: the path of one.
        out: the sweep's folder.
        grid: `KEY=VALUE,VALUE,…` each, as in `strategy.name=supervised,mean-teacher`.
        seeds: of each combination, from the recipe's own upwards.
        sets: changes to the recipe of all of them, such as `train.epochs=3`.
        folds: of each, which predict together; as the recipe splits where None.
        jobs: trainings at a time; each is a process of its own where it is more than one.
        part: wells that are predicted and evaluated: `test`, `validation` or `all`.
        device: `auto`, `cpu`, `cuda` or `mps`.
        observer: is told of progress.
        track: trackers to tell, as of `train`.
    """
    from deepnoise.sweeps.grid import parse_grid
    from deepnoise.sweeps.plan import Request
    from deepnoise.sweeps.sweep import run_sweep

    request = Request(
        recipe,
        str(screen),
        parse_grid(grid),
        seeds=seeds,
        sets=tuple(sets),
        folds=folds,
        part=part,
        device=device,
        track=tuple(track),
    )
    return run_sweep(request, Path(out), installed(), jobs=jobs, observer=observer)


def embed(
    model: str | Path,
    screen: Screen | str | Path,
    out: str | Path,
    *,
    part: PartName = "all",
    device: DeviceName = "auto",
    bad_images: BadImages | None = None,
    tta: TestTimeViews | None = None,
    logits: bool = False,
    shard_sites: int = 4096,
    observer: Observer | None = None,
) -> pl.LazyFrame:
    """Write the embeddings of all sites in shards, and give them as `scan_embeddings` does.

    Goes on where the same call began the folder. Memory does not grow with the number of sites, but for the
    screen's table.

    Args:
        model: as of `load`, but no series.
        screen: open, or the path of one.
        out: folder to write, or to go on with.
        part: wells whose sites are embedded: `all`, `train`, `validation` or `test`.
        device: `auto`, `cpu`, `cuda` or `mps`.
        bad_images: `error` or `skip`; as the model's recipe says where None.
        tta: `none`, `flips` or `dihedral`; as the model's recipe says where None.
        logits: whether logits of all classes stand beside.
        shard_sites: sites of a shard at most; a shard is one Parquet file.
        observer: is told of progress.
    """
    from deepnoise.embedding import embed_folder
    from deepnoise_core.data.shards import scan_embeddings
    from deepnoise_core.engine.observation import Silent

    opened = screen if isinstance(screen, Screen) else open_screen(screen)
    embed_folder(
        load(model),
        opened,
        Path(out),
        part=part,
        device=device,
        bad_images=bad_images,
        tta=tta,
        logits=logits,
        shard_sites=shard_sites,
        observer=observer or Silent(),
    )
    return scan_embeddings(Path(out))


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
