"""The plates of RxRx1's test experiments, and logits whose truth is known."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from deepnoise_core.data.plates import discover_design, plates_of

CLASSES = 1108
SHARED_DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data"
Groups = tuple[frozenset[int], ...]


@dataclass(frozen=True)
class Layout:
    """Wells with treatments: experiment, plate and class of each, and the group that each plate holds."""

    experiment: NDArray[np.str_]
    plate: NDArray[np.str_]
    labels: NDArray[np.int64]
    groups: Groups
    held: dict[str, dict[str, int]]

    def logits(self, lead: float, seed: int) -> NDArray[np.float32]:
        """N(0, 1), and a lead of the true class, [N, 1108]."""
        return logits(self.labels, lead, np.random.default_rng(seed))

    def plates(self) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
        """Rows and, sorted, classes of each plate."""
        return [
            (rows, np.array(sorted(self.groups[self.held[name][plate]])))
            for name, plates in plates_of(self.experiment, self.plate).items()
            for plate, rows in plates.items()
        ]


def logits(labels: NDArray[np.int64], lead: float, random: np.random.Generator) -> NDArray[np.float32]:
    """N(0, 1), and a lead of the true class, [N, 1108]."""
    scores = random.standard_normal((len(labels), CLASSES), dtype=np.float32)
    scores[np.arange(len(labels)), labels] += np.float32(lead)
    return scores


def read_wells() -> pl.DataFrame:
    """One row a well with a treatment, of all 51 experiments; `sirna_id` is null where it is not published."""
    table = (
        Path(os.environ.get("DEEPNOISE_SHARED_DATA", SHARED_DATA))
        / "rxrx1_metadata/metadata_reconstructed.csv.gz"
    )
    if not table.is_file():
        raise SystemExit(
            f"this benchmark needs RxRx1's layout, but there is no {table}; name the folder that holds "
            "rxrx1_metadata in DEEPNOISE_SHARED_DATA"
        )
    wells = pl.read_csv(table, infer_schema=False).filter(pl.col("well_type") == "treatment")
    return wells.unique("well_id", maintain_order=True).with_columns(pl.col("sirna_id").cast(pl.Int64))


def find_groups(wells: pl.DataFrame) -> Groups:
    """The four groups of classes that the training plates show, in the order in which plates turn."""
    train = wells.filter((pl.col("dataset") == "train") & pl.col("sirna_id").is_not_null())
    labels, experiment, plate = (train[name].to_numpy() for name in ("sirna_id", "experiment", "plate"))
    return discover_design(labels, experiment, plate, CLASSES).groups


def real_plates(wells: pl.DataFrame, groups: Groups) -> Layout:
    """All 72 test plates with the wells that they have; classes are drawn, as most of theirs are not published.

    Experiments whose labels are published turn as they do, the others in turn.
    """
    test = wells.filter(pl.col("dataset") == "test")
    experiment, plate = (test[name].to_numpy().astype(str) for name in ("experiment", "plate"))
    published = test["sirna_id"].fill_null(-1).to_numpy()
    labels, held = np.empty(len(test), dtype=np.int64), {}
    random = np.random.default_rng(0)
    for number, (name, plates) in enumerate(plates_of(experiment, plate).items()):
        turn = next(
            (
                (group - place) % 4
                for place, rows in enumerate(plates.values())
                for group, own in enumerate(groups)
                if published[rows[0]] in own
            ),
            number % 4,
        )
        held[name] = {plate_name: (place + turn) % 4 for place, plate_name in enumerate(plates)}
        for plate_name, rows in plates.items():
            labels[rows] = random.permutation(sorted(groups[held[name][plate_name]]))[: len(rows)]
    return Layout(experiment, plate, labels, groups, held)


def full_plates(groups: Groups, experiments: int) -> Layout:
    """Experiments of four full plates, 277 wells each, that turn one after the other."""
    names = [f"E{number}" for number in range(experiments)]
    held = {name: {str(place): (place + turn) % 4 for place in range(4)} for turn, name in enumerate(names)}
    order: Sequence[int] = [group for plates in held.values() for group in plates.values()]
    labels = np.concatenate([sorted(groups[group]) for group in order])
    sizes = np.array([len(groups[group]) for group in order])
    experiment = np.repeat(np.repeat(names, 4), sizes)
    plate = np.repeat(np.tile([str(place) for place in range(4)], experiments), sizes)
    return Layout(experiment, plate, labels, groups, held)
