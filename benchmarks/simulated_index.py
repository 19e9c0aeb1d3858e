"""Sites without images, and what is done with them: planned, divided, embedded, read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray
from ten_million import BATCH, FEATURES, PROCESSES
from torch import Tensor, nn

import deepnoise as dn
from deepnoise.api import installed
from deepnoise.embedding import embed_folder
from deepnoise.ensembles import load_models
from deepnoise.model import Model
from deepnoise.site_outputs import Keep, Seeing
from deepnoise_core.contracts import Screen, SplitOptions, TrainOptions
from deepnoise_core.data.batches import plan_steps, shares_of
from deepnoise_core.data.sites import site_table
from deepnoise_core.data.splits import split
from deepnoise_core.data.stores import ArrayStore
from deepnoise_core.engine.classifier import Classifier
from deepnoise_core.engine.observation import Silent
from deepnoise_registry.recipes.recipe import ComponentReference

WELLS, SITES_A_WELL, PLATES = 384, 9, 30
CHANNELS = 6
"""Of the bundle that lends its recipe; enough bytes for any row."""


def write_table(sites: int, folder: Path) -> pl.DataFrame:
    """Write and give a table as a pack holds it: plates of 384 wells with 9 sites each, 30 an experiment."""
    well = pl.col("row") // SITES_A_WELL
    plate = well // WELLS
    frame = pl.int_range(0, sites, eager=True).alias("row").to_frame()
    made = frame.select(
        experiment=pl.format("E{}", plate // PLATES),
        plate=pl.format("P{}", plate % PLATES),
        well=pl.concat_str(
            pl.lit("ABCDEFGHIJKLMNOP").str.slice(well % WELLS // 24, 1),
            (well % 24 + 1).cast(pl.String).str.zfill(2),
        ),
        site=pl.col("row") % SITES_A_WELL + 1,
        role=pl.lit("treatment"),
        cell_type=pl.lit("U2OS"),
        perturbation=pl.format("p{}", well % 5000),
    )
    table = site_table(made, "simulated")
    table.write_parquet(folder / f"{sites}.parquet")
    return table


class Rows(ArrayStore):
    """A store whose pixels spell the number of their row in bytes, one a channel, one pixel each."""

    def __init__(self, rows: NDArray[np.int64]) -> None:
        super().__init__(np.broadcast_to(np.uint8(0), (len(rows), CHANNELS, 1, 1)))
        self.numbers = rows

    def read(self, rows: NDArray[np.int64]) -> NDArray[Any]:
        numbers = self.numbers[rows].astype("<i8").view(np.uint8).reshape(-1, 8)
        return np.ascontiguousarray(numbers[:, :CHANNELS, None, None])

    def take(self, rows: NDArray[np.int64]) -> Rows:
        return Rows(self.numbers[rows])


class Matrix(nn.Module):
    """A network that turns the bytes of an image into an embedding and does nothing else."""

    num_features = FEATURES

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.register_buffer("matrix", torch.from_numpy(matrix()))

    def embed(self, images: Tensor) -> Tensor:
        return images.flatten(1) @ self.get_buffer("matrix")

    def score(self, features: Tensor, condition: Tensor | None) -> Tensor:
        return features[:, : self.num_classes]


def matrix() -> NDArray[np.float32]:
    """Float32 [bytes, features]."""
    return np.random.default_rng(0).normal(size=(CHANNELS, FEATURES)).astype(np.float32)


def opened(sites: int, folder: Path) -> Screen:
    """The screen, its table as a pack holds it."""
    table = pl.read_parquet(folder / f"{sites}.parquet")
    return Screen(
        table, tuple(f"w{number}" for number in range(1, CHANNELS + 1)), Rows(np.arange(sites)), "simulated"
    )


def planning(sites: int, folder: Path) -> Callable[[], None]:
    """Splits, and an epoch of steps of one plate each."""
    screen = opened(sites, folder)

    def work() -> None:
        steps, rows = planned(screen)
        assert sum(len(step.labelled) for step in steps) == len(rows)

    return work


def dividing(sites: int, folder: Path) -> Callable[[], None]:
    """Every step divided among processes: each site exactly once."""
    steps, rows = planned(opened(sites, folder), by_plate=False)

    def work() -> None:
        times = np.zeros(sites, dtype=np.uint8)
        for process in range(PROCESSES):
            for step in shares_of(steps, process, PROCESSES):
                times[step.labelled.rows] += 1
        assert (times[rows] == 1).all()
        assert int(times.sum()) == len(rows)

    return work


def planned(screen: Screen, *, by_plate: bool = True) -> tuple[Any, NDArray[np.int64]]:
    """The steps of the first epoch and the rows that are trained on."""
    parts = split(screen, SplitOptions(test=("E1",), folds=5))
    rows = parts.rows("train")
    options = TrainOptions.model_validate(
        {"batch_size": BATCH, "batches": {"domain": "plate" if by_plate else None}}
    )
    labels = np.zeros(len(screen), dtype=np.int64)
    nothing = np.empty(0, dtype=np.int64)
    return plan_steps(options, screen, rows, labels, nothing, seed=0).epoch(0), rows


def writing(sites: int, folder: Path) -> Callable[[], None]:
    """Embeddings of all sites, as `deepnoise embed` writes them."""
    model, screen = placed(sites, folder)
    return lambda: writes(model, screen, folder / f"embeddings-{sites}")


def predicting(sites: int, folder: Path) -> Callable[[], None]:
    """Logits and embeddings of all wells, as `deepnoise predict` makes them of shards."""
    model, screen = placed(sites, folder)
    return lambda: predicts(model, screen, folder / f"predictions-{sites}")


def placed(sites: int, folder: Path) -> tuple[Model, Screen]:
    """A model whose network is the matrix, and the screen with its channels."""
    screen, lent = opened(sites, folder), load_models(["builtin:tiny"], installed())
    assert isinstance(lent, Model)
    recipe = lent.recipe.model_copy(
        update={
            "normalizer": ComponentReference(name="none"),
            "data": lent.recipe.data.model_copy(update={"image_size": None}),
        }
    )
    network = cast(Classifier, Matrix(len(lent.bundle.manifest.classes)))
    torch.set_num_threads(1)
    return (
        replace(lent, bundle=replace(lent.bundle, recipe=recipe, network=network)),
        replace(screen, channels=lent.bundle.manifest.channels),
    )


def writes(model: Model, screen: Screen, out: Path) -> None:
    """Embed, and see that the folder says so."""
    record = embed_folder(model, screen, out, device="cpu", observer=Silent())
    assert record is not None
    assert record.complete
    assert sum(shard.sites for shard in record.shards) == len(screen)


def predicts(model: Model, screen: Screen, shards: Path) -> None:
    """Predict all wells, and see that each is there."""
    how = Seeing(device="cpu", observer=Silent(), keep=Keep(shards))
    wells = model.wells_of(model.sites(screen, model.wanted(screen, "all"), how))
    assert len(wells) == screen.sites["well_id"].n_unique()


def read_back(sites: int, folder: Path) -> None:
    """The mean of a feature by experiment, of the embeddings of all sites; and some sites as they must be."""
    found = dn.scan_embeddings(folder / f"embeddings-{sites}")
    grouped = found.group_by("Metadata_experiment").agg(pl.len(), pl.col("Image_DeepNoise_0001").mean())
    assert grouped.collect(engine="streaming")["len"].sum() == sites
    for row in (0, sites // 2, sites - 1):
        values = found.slice(row, 1).select(pl.col("^Image_.*$")).collect().to_numpy()
        pixels = Rows(np.array([row])).read(np.array([0])).reshape(1, CHANNELS)
        np.testing.assert_allclose(values, pixels.astype(np.float32) / 255 @ matrix(), rtol=1e-4, atol=1e-6)
