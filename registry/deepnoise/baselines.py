"""Embeddings of any origin as predictions, so that every figure of ours can be had of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from deepnoise.corrections import built_steps
from deepnoise_core.contracts import Kind, PlateDesign, Predictions, Screen
from deepnoise_core.contracts.errors import ScreenError
from deepnoise_core.data.embeddings import EmbeddingTable, embedded, read_embeddings
from deepnoise_core.data.files import refuse_taken, sha256_of
from deepnoise_core.data.names import did_you_mean, some_of
from deepnoise_core.data.prediction_table import write_predictions
from deepnoise_core.data.shards import RECORD
from deepnoise_core.data.splits import Split, units_of
from deepnoise_core.data.targets import Target, encode_target
from deepnoise_core.data.treatments import may_be_treated
from deepnoise_core.evaluation.prototypes import SCALE, design_of_others, score_by_prototypes
from deepnoise_registry.building import build
from deepnoise_registry.catalogue import Catalogue
from deepnoise_registry.recipes.recipe import ComponentReference
from deepnoise_registry.screens import open_screen, recognising_readers

STEPS = ("site-mean", "plate-group", "plate-balanced")
"""Post-processors that follow the scores."""


@dataclass(frozen=True)
class BaselineOptions:
    """How embeddings are scored.

    Attributes:
        target: column whose values are the classes.
        leave_out: column whose rows of one value are scored by all others; plates are those of an experiment.
        features: names of the features' columns, with `*` for anything; as the file shows where None.
        steps: post-processors of embeddings that come first.
    """

    target: str = "perturbation"
    leave_out: str = "experiment"
    features: str | None = None
    steps: tuple[ComponentReference, ...] = ()


def write_baseline(
    embeddings: Path, metadata: Path, out: Path, options: BaselineOptions, catalogue: Catalogue
) -> Predictions:
    """Score precomputed embeddings by prototypes and write them as predictions.

    Each experiment is scored by the class means of all others, so no label of it takes part, nor does any label
    of controls, which are never scored. Plates are assumed to follow what the others show alone.

    Args:
        embeddings: table or folder of embeddings, see `read_embeddings`.
        metadata: the screen that they are of, or a table of its sites or wells; images are not needed.
        out: folder to write.
        options: how.
        catalogue: where components are found.

    Raises:
        ScreenError: a table is malformed, or the two do not belong together.
        PredictionsError: what is left out leaves no labels, or a correction does not fit.
        OutputError: the folder is taken.
    """
    refuse_taken(out, "a folder of predictions")
    corrections = built_steps(options.steps, catalogue)
    reader = _reader(metadata, catalogue)
    screen = open_screen(metadata, catalogue, reader)
    table = read_embeddings(embeddings, options.features)
    predictions = embedded(table, screen)
    for correct in corrections.values():
        predictions = correct(predictions, PlateDesign())
    predictions = _scored(predictions, screen, table, options, catalogue)
    provenance = {
        "model": f"prototypes of {embeddings.name}",
        "embeddings": str(embeddings.resolve()),
        "embeddings_sha256": sha256_of(embeddings / RECORD if embeddings.is_dir() else embeddings),
        "features": len(table.features),
        "steps": [one.model_dump(mode="json") for one in options.steps],
        "scale": SCALE,
        "leave_out": options.leave_out,
        "screen": screen.source,
        "reader": screen.reader,
        "reader_options": dict(reader.options) if reader else {},
        "target": options.target,
        "dropped_sites": {one.site_id: one.reason for one in screen.dropped},
        "deepnoise": version("deepnoise"),
    }
    write_predictions(predictions, out, provenance=provenance)
    return predictions


def _scored(
    predictions: Predictions,
    screen: Screen,
    table: EmbeddingTable,
    options: BaselineOptions,
    catalogue: Catalogue,
) -> Predictions:
    target = _target(screen, options.target)
    rows = _rows_of(predictions, screen)
    units = _units(screen, options.leave_out)[rows]
    labels = np.where(target.scored, target.codes, -1)[rows]
    may_be_scored = may_be_treated(predictions.ids["role"]) if target.num_treatments else target.scored[rows]
    shown = f"{len(table.features)} features, {table.features[0]} to {table.features[-1]}"
    predictions = replace(predictions, notes=(shown, *predictions.notes))
    predictions = score_by_prototypes(predictions, target.classes, labels, units, may_be_scored)
    _, wells = np.unique(predictions.ids["well_id"].astype(str), return_index=True)
    design = design_of_others(
        labels[wells],
        predictions.ids["experiment"][wells],
        predictions.ids["plate"][wells],
        units[wells],
        len(target.classes),
    )
    if design is None:
        note = f"which plates hold which classes depends on the {options.leave_out} left out, so none is assumed"
        predictions, design = replace(predictions, notes=(*predictions.notes, note)), PlateDesign()
    for name in STEPS:
        predictions = build(catalogue, Kind.POSTPROCESSOR, ComponentReference(name=name))(predictions, design)
    return predictions


def _target(screen: Screen, name: str) -> Target:
    """Classes and labels of the whole screen; whose labels are left out is the scorer's part."""
    units = tuple(np.unique(screen.column("experiment").astype(str)).tolist())
    return encode_target(screen, name, None, Split.whole(len(screen), "train", units))


def _units(screen: Screen, column: str) -> NDArray[np.str_]:
    if column == "plate":
        return units_of(screen, "plate")
    if column not in screen.sites.columns:
        raise ScreenError(
            f"{screen.source}: no column {column!r} to leave out by{did_you_mean(column, screen.sites.columns)}; "
            f"the screen has {some_of(screen.sites.columns, most=20)}"
        )
    return screen.column(column).astype(str)


def _rows_of(predictions: Predictions, screen: Screen) -> NDArray[np.int64]:
    """A row of the screen for each row of predictions, int64 [N]; any site of a well where they are wells."""
    name = "site_id" if predictions.per_site else "well_id"
    row = {one: number for number, one in enumerate(screen.column(name).tolist())}
    return np.array([row[one] for one in predictions.ids[name].tolist()], dtype=np.int64)


def _reader(metadata: Path, catalogue: Catalogue) -> ComponentReference | None:
    """Who opens the metadata: whoever recognises them, or the reader of tables where a file lists no images."""
    if metadata.is_file() and not recognising_readers(metadata, catalogue):
        return ComponentReference(name="table", options={"images": "none"})
    return None
