"""Handing predictions over: one table of well profiles, as pycytominer, copairs and scanpy take it."""

from __future__ import annotations

import io
import json
import tempfile
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from deepnoise.evaluation import conduct_of, origin_of, parts_of, predicted_screen, well_truth
from deepnoise_core.contracts import Predictions, Screen
from deepnoise_core.contracts.errors import OutputError, PredictionsError
from deepnoise_core.data.files import refuse_taken_file, replace_file
from deepnoise_core.data.names import some_of
from deepnoise_core.data.plate_format import well_name
from deepnoise_core.data.prediction_table import FEATURE, METADATA, read_predictions, to_frame
from deepnoise_core.data.treatments import may_be_treated
from deepnoise_core.evaluation.protocols import Protocol, protocol_of
from deepnoise_registry.catalogue import Catalogue

KEY = "deepnoise"
"""Under this key stands the provenance, as JSON: in a Parquet file's metadata, and in `uns` of an `.h5ad`."""

_LABELS = {"raw": "PredictedRaw", "group": "PredictedGroup", "assigned": "PredictedAssigned"}


def write_profiles(path: Path, out: Path, catalogue: Catalogue, screen: Screen | None = None) -> pl.DataFrame:
    """Write the embeddings of a folder of predictions as profiles, one row a well (or site).

    Columns are those of `profile_frame`. The suffix decides the format: `.parquet` and `.h5ad` carry their
    provenance inside; `.csv` has it beside, in a `.json` of the same name.

    Args:
        path: the folder.
        out: file to write.
        catalogue: where the screen's reader is found.
        screen: the screen, where it is no longer where it was predicted from.

    Returns:
        The table.

    Raises:
        OutputError: a file is taken, its suffix is none of these, or `.h5ad` lacks anndata.
        PredictionsError: the folder is malformed, holds no embedding of some well, or is of another screen.
    """
    write = _WRITERS.get(out.suffix)
    if write is None:
        raise OutputError(f"{out}: profiles are written as {', '.join(_WRITERS)}; name the file so")
    refuse_taken_file(out, "a file of profiles")
    predictions, record = read_predictions(path)
    _require_embeddings(predictions, record, path)
    opened = predicted_screen(path, record, catalogue) if screen is None else screen
    frame = profile_frame(predictions, well_truth(predictions, opened, "perturbation"))
    provenance = {
        **record,
        "protocol": _protocol(predictions, opened, origin_of(path, record).target).value,
        "transductive": list(predictions.transductive),
        "notes": list(predictions.notes),
        "classes": len(predictions.classes),
        "written_by": {name: version(name) for name in ("deepnoise", "numpy", "polars")},
    }
    write(frame, out, json.dumps(provenance, ensure_ascii=False))
    return frame


def profile_frame(predictions: Predictions, perturbations: NDArray[Any]) -> pl.DataFrame:
    """What is known of each well as `Metadata_*`, and its embedding as `Image_DeepNoise_0001` and on.

    `Metadata_Plate` is EXPERIMENT/PLATE, since pycytominer tells wells apart by plate and well alone, and plates
    of two experiments may have one name; `Metadata_PlateName` is the plate's own. `Metadata_Well` is like `A01`.
    `Metadata_PredictedRaw` and its kin are class names, null where a stage gives none.

    Args:
        predictions: N wells with embeddings.
        perturbations: what each well received, strings or None, [N].

    Returns:
        N rows; features are float32.
    """
    frame = to_frame(predictions)
    if predictions.embeddings is None:
        raise PredictionsError("these predictions hold no embeddings")
    metadata = {
        "Plate": frame.select(pl.concat_str("experiment", "plate", separator="/")).to_series(),
        "Well": frame["well"].map_elements(well_name, return_dtype=pl.String),
        "Perturbation": pl.Series(perturbations.tolist(), dtype=pl.String),
    }
    renamed = {"plate": "PlateName", **_LABELS}
    metadata |= {renamed.get(one.name, _camel(one.name)): one for one in frame.drop("well")}
    features = [pl.Series(FEATURE.format(place), one) for place, one in enumerate(predictions.embeddings.T, 1)]
    return pl.DataFrame([*(one.alias(METADATA + name) for name, one in metadata.items()), *features])


def _protocol(predictions: Predictions, screen: Screen, target: str) -> Protocol:
    """The rules that figures of the rows whose labels the model never saw would keep."""
    counted = parts_of(predictions) == "test"
    if not predictions.per_site:
        counted &= may_be_treated(predictions.ids["role"])
    if not counted.any():
        return Protocol.CUSTOM
    return protocol_of(conduct_of(predictions.take(np.flatnonzero(counted)), screen, target))


def _require_embeddings(predictions: Predictions, record: Mapping[str, Any], path: Path) -> None:
    if not len(predictions):
        raise PredictionsError(f"{path}: there are no wells to hand over; predict again")
    if predictions.embeddings is None and "members" in record:
        one = record["members"][0].get("bundle", "MODEL")
        raise PredictionsError(
            f"{path}: is of an {record['model']}, whose features have nothing in common, so there are no "
            f"embeddings; predict with one member, as in deepnoise predict {one}"
        )
    if predictions.embeddings is None:
        raise PredictionsError(f"{path}: holds no embeddings; predict again with deepnoise predict")
    lacking = ~np.isfinite(predictions.embeddings).all(axis=1)
    if lacking.any():
        wells = some_of(predictions.ids["well_id"][lacking])
        raise PredictionsError(
            f"{path}: {lacking.sum()} wells have no finite embedding ({wells}); look at their images, and "
            "predict again"
        )


def _camel(name: str) -> str:
    return "".join(part[:1].upper() + part[1:] for part in name.split("_"))


def _write_parquet(frame: pl.DataFrame, out: Path, provenance: str) -> None:
    buffer = io.BytesIO()
    frame.write_parquet(buffer, metadata={KEY: provenance})
    replace_file(out, buffer.getvalue())


def _write_csv(frame: pl.DataFrame, out: Path, provenance: str) -> None:
    beside = out.with_suffix(".json")
    refuse_taken_file(beside, "the provenance of profiles")
    replace_file(out, frame.write_csv())
    replace_file(beside, provenance)


def _write_h5ad(frame: pl.DataFrame, out: Path, provenance: str) -> None:
    try:
        import anndata
        import pandas as pd
    except ImportError:
        message = 'files .h5ad are written with anndata, which is not installed; pip install "deepnoise[anndata]"'
        raise OutputError(f"{out}: {message}") from None
    metadata = [one for one in frame if one.name.startswith(METADATA)]
    features = frame.drop(one.name for one in metadata)
    texts = {one.name: pd.Categorical(one.to_list()) for one in metadata if one.dtype == pl.String}
    # Rows are named by number, since pycytominer reads the names of rows as numbers.
    rows = [str(row) for row in range(frame.height)]
    obs = pd.DataFrame({one.name: texts.get(one.name, one.to_numpy()) for one in metadata}, index=rows)
    var = pd.DataFrame({"number": np.arange(1, features.width + 1)}, index=features.columns)
    made = anndata.AnnData(X=features.to_numpy(), obs=obs, var=var, uns={KEY: provenance})
    with tempfile.TemporaryDirectory() as folder:
        aside = Path(folder) / "profiles.h5ad"
        made.write_h5ad(aside)
        replace_file(out, aside.read_bytes())


_WRITERS = {".parquet": _write_parquet, ".csv": _write_csv, ".h5ad": _write_h5ad}
