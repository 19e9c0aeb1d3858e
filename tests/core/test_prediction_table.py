import json
import shutil
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepnoise_core.contracts import ID_COLUMNS, UNASSIGNED, Predictions, Stage
from deepnoise_core.contracts.errors import OutputError, PredictionsError
from deepnoise_core.data.prediction_table import read_predictions, to_frame, write_predictions


def example(rows: int = 3) -> Predictions:
    names = np.array([f"B{row:02}" for row in range(rows)], dtype=object)
    scores = np.log(np.tile(np.array([[0.5, 0.3, 0.2]], dtype=np.float32), (rows, 1)))
    return Predictions(
        ids=dict.fromkeys(ID_COLUMNS, names),
        classes=("x", "y", "z"),
        scores=scores,
        stages={
            Stage.RAW: np.zeros(rows, dtype=np.int64),
            Stage.ASSIGNED: np.resize([1, UNASSIGNED, 2], rows),
        },
        embeddings=np.arange(rows * 2, dtype=np.float32).reshape(rows, 2),
        transductive=("plate assignment",),
        notes=("first", "second"),
        facts={"plate_group": np.arange(rows)},
    )


def assert_equal(left: Predictions, right: Predictions) -> None:
    for field in fields(Predictions):
        ours, theirs = getattr(left, field.name), getattr(right, field.name)
        if isinstance(ours, dict):
            assert list(ours) == list(theirs)
            pairs: list[tuple[Any, Any]] = [(ours[name], theirs[name]) for name in ours]
        else:
            pairs = [(ours, theirs)]
        for one, other in pairs:
            if isinstance(one, np.ndarray):
                assert one.dtype == other.dtype
                np.testing.assert_array_equal(one, other)
            else:
                assert one == other


texts = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=5)


@st.composite
def predictions_strategy(draw: st.DrawFn) -> Predictions:
    rows, classes, features = draw(st.integers(0, 4)), draw(st.integers(1, 4)), draw(st.integers(0, 3))
    column = st.one_of(
        st.lists(st.one_of(st.none(), texts), min_size=rows, max_size=rows).map(
            lambda values: np.array(values, dtype=object)
        ),
        st.lists(st.integers(-9, 9), min_size=rows, max_size=rows).map(lambda v: np.array(v, dtype=np.int64)),
        st.lists(st.floats(), min_size=rows, max_size=rows).map(lambda v: np.array(v, dtype=np.float64)),
        st.lists(st.booleans(), min_size=rows, max_size=rows).map(lambda v: np.array(v, dtype=np.bool_)),
        st.just(np.array(["a-name"] * rows, dtype="<U8")),
    )
    floats = st.one_of(st.floats(width=32, allow_nan=False, allow_infinity=False), st.just(-np.inf))

    def table(width: int) -> st.SearchStrategy[Any]:
        cells = st.lists(floats, min_size=rows * width, max_size=rows * width)
        return cells.map(lambda values: np.array(values, dtype=np.float32).reshape(rows, width))

    labels = st.lists(st.integers(-1, classes - 1), min_size=rows, max_size=rows).map(
        lambda v: np.array(v, dtype=np.int64)
    )
    return Predictions(
        ids={name: draw(column) for name in ID_COLUMNS}
        | {"well_id": np.array([f"w{row}" for row in range(rows)])},
        classes=tuple(draw(st.lists(texts, min_size=classes, max_size=classes, unique=True))),
        scores=draw(table(classes)),
        stages={stage: draw(labels) for stage in Stage if stage is Stage.RAW or draw(st.booleans())},
        embeddings=draw(st.one_of(st.none(), table(features))),
        transductive=tuple(draw(st.lists(texts, max_size=2))),
        notes=tuple(draw(st.lists(texts, max_size=2))),
        facts={name: draw(column) for name in draw(st.sets(st.sampled_from(["f1", "f2"])))},
        raw_scores=draw(st.one_of(st.none(), table(classes))),
    )


@given(predictions=predictions_strategy())
@settings(max_examples=40)
def test_what_is_written_is_read(predictions: Predictions, tmp_path_factory: pytest.TempPathFactory) -> None:
    out = tmp_path_factory.mktemp("predictions") / "deep" / "out"
    provenance = {"model": "m", "split": {"test": ["A"]}, "seed": 3}
    with np.errstate(over="ignore"):
        write_predictions(predictions, out, provenance=provenance)
    again, found = read_predictions(out)
    assert_equal(again, predictions)
    assert found == provenance
    assert [path.name for path in out.parent.iterdir()] == ["out"]


def test_frame_names_labels_and_measures() -> None:
    frame = to_frame(example())
    assert frame.columns == [*ID_COLUMNS, "raw", "group", "assigned", "confidence", "margin", "plate_group"]
    assert frame["raw"].to_list() == ["x", "x", "x"]
    assert frame["group"].to_list() == [None, None, None]
    assert frame["assigned"].to_list() == ["y", None, "z"]
    np.testing.assert_allclose(frame["confidence"], 0.5, rtol=1e-6)
    np.testing.assert_allclose(frame["margin"], np.log(5 / 3), rtol=1e-6)


def test_the_files_are_what_other_tools_expect(tmp_path: Path) -> None:
    write_predictions(example(), tmp_path / "out", provenance={})
    table = pl.read_parquet(tmp_path / "out" / "embeddings.parquet")
    assert table.columns == [
        *(f"Metadata_{name}" for name in ID_COLUMNS),
        "Image_DeepNoise_0001",
        "Image_DeepNoise_0002",
    ]
    assert table["Image_DeepNoise_0002"].dtype == pl.Float32
    record = json.loads((tmp_path / "out" / "predictions.json").read_text())
    assert record["classes"] == ["x", "y", "z"]
    assert record["transductive"] == ["plate assignment"]
    assert set(record["sha256"]) == {"predictions.parquet", "embeddings.parquet", "scores.safetensors"}


def test_a_taken_folder_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("kept")
    with pytest.raises(OutputError, match="already exists"):
        write_predictions(example(), tmp_path, provenance={})
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_a_failure_leaves_nothing_behind(tmp_path: Path) -> None:
    faulty = replace(example(), facts={"mixed": np.array([1, "a", None], dtype=object)})
    with pytest.raises(PredictionsError, match="column mixed: must be text"):
        write_predictions(faulty, tmp_path / "out", provenance={})
    twice = replace(example(), facts={"raw": np.arange(3)})
    with pytest.raises(PredictionsError, match="two columns are named 'raw'"):
        write_predictions(twice, tmp_path / "out", provenance={})
    assert list(tmp_path.iterdir()) == []


def _without_classes(folder: Path) -> None:
    record = json.loads((folder / "predictions.json").read_text())
    del record["classes"]
    (folder / "predictions.json").write_text(json.dumps(record))


def _with_one_class(folder: Path) -> None:
    record = json.loads((folder / "predictions.json").read_text())
    (folder / "predictions.json").write_text(json.dumps({**record, "classes": ["x"]}))


def _without_hashes(folder: Path) -> None:
    record = json.loads((folder / "predictions.json").read_text())
    (folder / "predictions.json").write_text(json.dumps({**record, "sha256": {}}))
    (folder / "predictions.parquet").write_bytes(b"no table")


def _of_the_future(folder: Path) -> None:
    record = json.loads((folder / "predictions.json").read_text())
    (folder / "predictions.json").write_text(json.dumps({**record, "format": 2}))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (shutil.rmtree, "holds no predictions"),
        (lambda folder: (folder / "predictions.json").unlink(), "holds no predictions"),
        (lambda folder: (folder / "predictions.json").write_bytes(b"\xff{"), "predictions.json: the file: "),
        (lambda folder: (folder / "predictions.json").write_text("[]"), "predictions.json: the file: "),
        (_without_classes, "predictions.json: classes: Field required"),
        (_with_one_class, r"holds \(3, 3\) scores.*1 classes"),
        (_without_hashes, "is malformed"),
        (_of_the_future, "predictions.json: is of format 2, and this deepnoise reads format 1; update deepnoise"),
        (lambda folder: (folder / "scores.safetensors").unlink(), "scores.safetensors is missing"),
        (lambda folder: (folder / "embeddings.parquet").write_bytes(b""), "was changed since it was written"),
    ],
)
def test_damage_is_named(tmp_path: Path, damage: Callable[[Path], object], message: str) -> None:
    out = tmp_path / "out"
    write_predictions(example(), out, provenance={})
    damage(out)
    with pytest.raises(PredictionsError, match=message):
        read_predictions(out)
