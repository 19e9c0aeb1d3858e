"""Predictions as a folder of open files: Parquet tables, safetensors scores, JSON provenance."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from safetensors import SafetensorError
from safetensors.numpy import load, save

from deepnoise_core.contracts.errors import PredictionsError, first_fault
from deepnoise_core.contracts.predictions import UNASSIGNED, Predictions, Stage
from deepnoise_core.data.files import fresh_folder, replace_file, sha256_of
from deepnoise_core.data.names import some_of
from deepnoise_core.data.scores import confidence, margin
from deepnoise_core.data.soundness import require_sound

TABLE = "predictions.parquet"
EMBEDDINGS = "embeddings.parquet"
SCORES = "scores.safetensors"
RECORD = "predictions.json"
FEATURE = "Image_DeepNoise_{:04d}"
"""Name of an embedding column, numbered from 1; pycytominer takes it for an image feature."""
FORMAT: Literal[1] = 1
"""Of the folder; a later one may hold what this version cannot read."""
METADATA = "Metadata_"
"""Prefix of the other columns beside embeddings, as in pycytominer."""


def to_frame(predictions: Predictions) -> pl.DataFrame:
    """One row a well (or site): ids, the label of each stage, confidence, margin, and facts.

    `raw`, `group` and `assigned` are class names, null where a stage is absent or leaves a well unassigned.
    `confidence` is the softmax probability of the raw label, `margin` its lead in log-probability, both at the
    predictions' temperature.

    Raises:
        PredictionsError: two columns have one name, or a column is neither text, numbers nor booleans.
    """
    ids, facts = _frame(predictions.ids), _frame(predictions.facts)
    names = np.array([*predictions.classes, None], dtype=object)
    nothing = np.full(len(predictions), UNASSIGNED, dtype=np.int64)
    labels = [
        pl.Series(stage.value, names[predictions.stages.get(stage, nothing)].tolist(), dtype=pl.String)
        for stage in Stage
    ]
    measures = [
        pl.Series("confidence", confidence(predictions)),
        pl.Series("margin", margin(predictions)),
    ]
    columns = [*ids, *labels, *measures, *facts]
    taken = [column.name for column in columns]
    twice = {name for name in taken if taken.count(name) > 1}
    if twice:
        raise PredictionsError(f"two columns are named {some_of(sorted(twice))}; rename one of them")
    return pl.DataFrame(columns)


def write_predictions(predictions: Predictions, out: Path, *, provenance: Mapping[str, object]) -> None:
    """Write predictions to a folder that must not hold anything yet; it appears whole or not at all.

    Args:
        predictions: N wells or sites.
        out: the folder.
        provenance: where they came from, in JSON types.

    Raises:
        OutputError: the folder is taken or cannot be written.
        PredictionsError: the columns do not make a table, or the predictions are not sound.
    """
    require_sound(predictions)
    arrays: dict[str, NDArray[Any]] = {"scores": predictions.scores}
    if predictions.raw_scores is not None:
        arrays["raw_scores"] = predictions.raw_scores
    arrays |= {_stage_name(stage): labels for stage, labels in predictions.stages.items()}
    with fresh_folder(out, "a folder of predictions") as folder:
        _write_parquet(to_frame(predictions), folder / TABLE)
        if predictions.embeddings is not None:
            _write_parquet(_embedding_frame(predictions.ids, predictions.embeddings), folder / EMBEDDINGS)
        replace_file(folder / SCORES, save({name: np.ascontiguousarray(array) for name, array in arrays.items()}))
        record = _Record(
            classes=predictions.classes,
            ids={name: column.dtype.str for name, column in predictions.ids.items()},
            facts={name: column.dtype.str for name, column in predictions.facts.items()},
            transductive=predictions.transductive,
            notes=predictions.notes,
            temperature=predictions.temperature,
            provenance=dict(provenance),
            sha256={file.name: sha256_of(file) for file in sorted(folder.iterdir())},
        )
        replace_file(folder / RECORD, json.dumps(record.model_dump(), indent=2))


def read_predictions(path: Path) -> tuple[Predictions, dict[str, Any]]:
    """Read a folder of predictions exactly as they were written, and their provenance.

    Raises:
        PredictionsError: a file is missing, malformed, of another format, or differs from its recorded hash; or
            the predictions are not sound.
    """
    record = _read_record(path)
    for name, expected in record.sha256.items():
        file = path / Path(name).name
        if not file.is_file():
            raise PredictionsError(f"{path}: {name} is missing; predict again, or copy the folder again")
        if sha256_of(file) != expected:
            raise PredictionsError(f"{file}: was changed since it was written (sha256); predict again")
    with _reading(path / TABLE):
        table = pl.read_parquet(io.BytesIO((path / TABLE).read_bytes()))
        ids, facts = (_columns(table, dtypes) for dtypes in (record.ids, record.facts))
    with _reading(path / SCORES):
        arrays = load((path / SCORES).read_bytes())
        scores = arrays["scores"]
    with _reading(path / EMBEDDINGS):
        embeddings = _read_embeddings(path) if EMBEDDINGS in record.sha256 else None
    predictions = Predictions(
        ids=ids,
        classes=record.classes,
        scores=scores,
        raw_scores=arrays.get("raw_scores"),
        stages={stage: arrays[_stage_name(stage)] for stage in Stage if _stage_name(stage) in arrays},
        embeddings=embeddings,
        transductive=record.transductive,
        notes=record.notes,
        temperature=record.temperature,
        facts=facts,
    )
    if scores.shape != (table.height, len(record.classes)):
        raise PredictionsError(
            f"{path}: {SCORES} holds {scores.shape} scores, but {TABLE} has {table.height} rows and {RECORD} "
            f"{len(record.classes)} classes; predict again"
        )
    try:
        require_sound(predictions)
    except PredictionsError as error:
        raise PredictionsError(f"{path}: {error}") from error
    return predictions, record.provenance


class _Record(BaseModel):
    """Content of `predictions.json`; ids and facts are columns of the table with their numpy types."""

    model_config = ConfigDict(frozen=True)

    format: Literal[1] = FORMAT
    classes: tuple[str, ...]
    ids: dict[str, str]
    facts: dict[str, str]
    transductive: tuple[str, ...]
    notes: tuple[str, ...]
    temperature: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    provenance: dict[str, Any]
    sha256: dict[str, str]


def _read_record(path: Path) -> _Record:
    try:
        return _Record.model_validate_json((path / RECORD).read_bytes())
    except (FileNotFoundError, NotADirectoryError) as error:
        raise PredictionsError(f"{path}: holds no predictions, since it has no {RECORD}") from error
    except OSError as error:
        raise PredictionsError(f"{path / RECORD}: cannot be read: {error.strerror}") from error
    except ValidationError as error:
        first = error.errors()[0]
        if first["loc"] == ("format",):
            raise PredictionsError(
                f"{path / RECORD}: is of format {first['input']}, and this deepnoise reads format {FORMAT}; "
                "update deepnoise, or predict again"
            ) from error
        raise PredictionsError(f"{path / RECORD}: {first_fault(error)}; predict again") from error


@contextmanager
def _reading(file: Path) -> Iterator[None]:
    try:
        yield
    except (KeyError, TypeError, ValueError, OSError, SafetensorError, pl.exceptions.PolarsError) as error:
        raise PredictionsError(f"{file}: is malformed ({error}); predict again") from error


def _columns(table: pl.DataFrame, dtypes: Mapping[str, str]) -> dict[str, NDArray[Any]]:
    return {name: table[name].to_numpy().astype(dtype) for name, dtype in dtypes.items()}


def _stage_name(stage: Stage) -> str:
    return f"stage.{stage.value}"


def _embedding_frame(ids: Mapping[str, NDArray[Any]], embeddings: NDArray[np.float32]) -> pl.DataFrame:
    features = [pl.Series(FEATURE.format(index + 1), column) for index, column in enumerate(embeddings.T)]
    return pl.DataFrame([column.alias(METADATA + column.name) for column in _frame(ids)] + features)


def _read_embeddings(path: Path) -> NDArray[np.float32]:
    frame = pl.read_parquet(io.BytesIO((path / EMBEDDINGS).read_bytes()))
    columns = [name for name in frame.columns if not name.startswith(METADATA)]
    embeddings = np.empty((frame.height, len(columns)), dtype=np.float32)
    for index, name in enumerate(columns):
        embeddings[:, index] = frame[name].to_numpy()
    return embeddings


def _write_parquet(frame: pl.DataFrame, path: Path) -> None:
    buffer = io.BytesIO()
    frame.write_parquet(buffer)
    replace_file(path, buffer.getvalue())


def _frame(columns: Mapping[str, NDArray[Any]]) -> pl.DataFrame:
    return pl.DataFrame([_series(name, column) for name, column in columns.items()])


def _series(name: str, column: NDArray[Any]) -> pl.Series:
    if column.dtype.kind in "biuf":
        return pl.Series(name, column)
    try:
        return pl.Series(name, column.tolist(), dtype=pl.String)
    except (TypeError, pl.exceptions.PolarsError) as error:
        raise PredictionsError(
            f"column {name}: must be text, numbers or booleans throughout; found {column.dtype}"
        ) from error
