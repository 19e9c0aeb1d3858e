"""Profiles: what other programs make of the files that we hand over, as they are."""

import json
import runpy
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import anndata
import numpy as np
import pandas as pd
import polars as pl
import pytest
from copairs.map import average_precision, mean_average_precision
from copairs.matching import assign_reference_index
from pycytominer import aggregate, feature_select, normalize

import deepnoise as dn
from deepnoise.handover import KEY
from deepnoise_core.contracts import UNASSIGNED, Predictions, Stage
from deepnoise_core.data.prediction_table import read_predictions, write_predictions

ORIGIN = {"screen": "here", "reader": "rxrx1", "target": "perturbation"}
Run = Callable[..., Any]


@pytest.fixture(scope="module")
def profiles(tmp_path_factory: pytest.TempPathFactory, tiny_predictions: Path, deepnoise: Run) -> Path:
    """The profiles of a real run's predictions; the CSV and `.h5ad` stand beside, by the same name."""
    file = tmp_path_factory.mktemp("profiles") / "profiles.parquet"
    for out in (file, file.with_suffix(".csv"), file.with_suffix(".h5ad")):
        done = deepnoise("profiles", tiny_predictions, "-o", out)
        assert done.returncode == 0, done.stderr
    return file


@pytest.fixture(scope="module")
def with_controls(tmp_path_factory: pytest.TempPathFactory, tiny_screen: Path) -> Path:
    """Profiles of all wells of the screen, those of controls too, whose embeddings follow the perturbation."""
    folder = tmp_path_factory.mktemp("controls")
    sites = dn.open_screen(tiny_screen).sites
    _, code = np.unique(sites["perturbation"].fill_null("").to_numpy().astype(str), return_inverse=True)
    generator = np.random.default_rng(0)
    values = generator.normal(size=(code.max() + 1, 6))[code] + 0.3 * generator.normal(size=(len(code), 6))
    table = sites.select("site_id").hstack(
        pl.DataFrame(values, schema=[f"feature_{number}" for number in range(6)])
    )
    table.write_csv(folder / "embeddings.csv")
    dn.baseline(folder / "embeddings.csv", tiny_screen, folder / "predictions")
    dn.write_profiles(folder / "predictions", folder / "profiles.parquet")
    return folder / "profiles.parquet"


def features_of(frame: pd.DataFrame) -> list[str]:
    return [name for name in frame.columns if name.startswith("Image_DeepNoise_")]


def test_the_parquet_is_what_was_predicted(profiles: Path, tiny_predictions: Path) -> None:
    frame = pd.read_parquet(profiles)
    predictions, record = read_predictions(tiny_predictions)
    assert isinstance(frame.index, pd.RangeIndex)
    assert not [name for name in frame.columns if not name.startswith(("Metadata_", "Image_DeepNoise_"))]
    features = frame[features_of(frame)]
    assert set(features.dtypes) == {np.dtype("float32")}
    np.testing.assert_array_equal(features.to_numpy(), predictions.embeddings)
    assert features.columns[0] == "Image_DeepNoise_0001"
    ids = predictions.ids
    joined = [f"{one}/{two}" for one, two in zip(ids["experiment"], ids["plate"], strict=True)]
    assert frame["Metadata_Plate"].tolist() == joined
    assert frame["Metadata_PlateName"].tolist() == ids["plate"].tolist()
    assert frame["Metadata_Well"].str.fullmatch("[A-P][0-9]{2}").all()
    named = np.array([*predictions.classes, None], dtype=object)
    for stage in Stage:
        column = frame[f"Metadata_Predicted{stage.value.capitalize()}"]
        assert column.tolist() == named[predictions.stages[stage]].tolist()
    truth = dict(dn.open_screen(record["screen"]).sites.select("well_id", "perturbation").iter_rows())
    assert frame["Metadata_Perturbation"].tolist() == [truth[well] for well in frame["Metadata_WellId"]]
    assert frame["Metadata_Confidence"].between(0, 1).all()


def test_provenance_goes_along(profiles: Path, tiny_predictions: Path) -> None:
    predictions, record = read_predictions(tiny_predictions)
    told = json.loads(pl.read_parquet_metadata(profiles)[KEY])
    assert told.items() >= record.items()
    assert told["transductive"] == list(predictions.transductive)
    assert told["notes"] == list(predictions.notes)
    assert {"screen", "model", "recipe_sha256", "protocol", "deepnoise", "written_by"} <= set(told)
    assert json.loads(profiles.with_suffix(".json").read_text()) == told
    assert json.loads(anndata.read_h5ad(profiles.with_suffix(".h5ad")).uns[KEY]) == told


def test_csv_and_h5ad_hold_the_same(profiles: Path) -> None:
    frame = pd.read_parquet(profiles)
    text = pd.read_csv(profiles.with_suffix(".csv"), dtype=frame.dtypes.to_dict())
    pd.testing.assert_frame_equal(text, frame)
    made = anndata.read_h5ad(profiles.with_suffix(".h5ad"))
    assert made.X.dtype == np.float32
    np.testing.assert_array_equal(made.X, frame[features_of(frame)])
    assert made.var_names.tolist() == features_of(frame)
    assert made.var["number"].tolist() == list(range(1, made.n_vars + 1))
    for name in made.obs:
        assert made.obs[name].astype(object).tolist() == frame[name].astype(object).tolist()


@pytest.mark.parametrize("suffix", [".parquet", ".csv", ".h5ad"])
def test_pycytominer_takes_the_file(profiles: Path, suffix: str) -> None:
    frame = pd.read_parquet(profiles)
    normalized = normalize(
        str(profiles.with_suffix(suffix)), features="infer", image_features=True, method="standardize"
    )
    values = frame[features_of(frame)].to_numpy(dtype=np.float64)
    deviation = values.std(axis=0)
    expected = (values - values.mean(axis=0)) / np.where(deviation > 0, deviation, 1)
    np.testing.assert_allclose(normalized[features_of(frame)], expected, atol=1e-3)
    assert {name for name in frame if name.startswith("Metadata_")} <= set(normalized)


def test_pycytominer_aggregates_and_selects(profiles: Path) -> None:
    frame = pd.read_parquet(profiles)
    wells = aggregate(frame, features="infer", image_features=True)
    assert len(wells) == len(frame)
    by_class = aggregate(frame, strata=["Metadata_Perturbation"], image_features=True, operation="mean")
    assert len(by_class) == frame["Metadata_Perturbation"].nunique()
    selected = feature_select(
        frame, features="infer", image_features=True, operation="correlation_threshold", corr_threshold=0.5
    )
    assert 0 < len(features_of(selected)) < len(features_of(frame))


def test_copairs_finds_what_is_active(with_controls: Path) -> None:
    frame = pd.read_parquet(with_controls)
    frame = assign_reference_index(frame, "Metadata_Role == 'negative_control'", default_value=-1)
    pairs = {
        "pos_sameby": ["Metadata_Perturbation", "Metadata_Reference_Index"],
        "pos_diffby": [],
        "neg_sameby": [],
        "neg_diffby": ["Metadata_Perturbation", "Metadata_Reference_Index"],
    }
    precision = average_precision(frame, frame[features_of(frame)].to_numpy(), **pairs, progress_bar=False)
    treated = precision[precision["Metadata_Role"] == "treatment"]
    assert treated["average_precision"].mean() > 0.9
    scores = mean_average_precision(
        treated,
        ["Metadata_Perturbation"],
        null_size=200,
        threshold=0.05,
        seed=0,
        progress_bar=False,
        max_workers=1,
    )
    assert len(scores) == treated["Metadata_Perturbation"].nunique()


def _predictions(rows: int = 3, **changes: Any) -> Predictions:
    columns = {
        "experiment": ["E 1", "Ü/2", "E 1"],
        "plate": ["a/b", 'q"uote, é', "1"],
        "well": ["b2", "AF48", "C3"],
        "cell_type": ["U2OS"] * 3,
        "role": ["treatment"] * 3,
    }
    ids = {name: np.array(values, dtype=object)[:rows] for name, values in columns.items()}
    ids["part"] = np.array(["test"] * rows, dtype=object)
    ids["well_id"] = np.array([f"w{row}" for row in range(rows)], dtype=object)
    made = Predictions(
        ids,
        ("x", "y"),
        np.zeros((rows, 2), dtype=np.float32),
        {Stage.RAW: np.array([0, 1, UNASSIGNED])[:rows]},
        embeddings=np.array([[1e-30, 0.1], [1e30, -0.2], [1 / 3, 3]], dtype=np.float32)[:rows],
    )
    return replace(made, **changes)


class _Wells:
    """As much of a screen as the hand-over asks for."""

    source = "here"
    channels = ("w1",)

    def __len__(self) -> int:
        return 3

    def __init__(self) -> None:
        self.sites = pl.DataFrame({"well_id": ["w0", "w1", "w2"], "perturbation": ["x", None, "y"]})

    def column(self, name: str) -> Any:
        return self.sites[name].to_numpy()


@pytest.mark.parametrize("suffix", [".parquet", ".csv", ".h5ad"])
def test_strange_names_survive(tmp_path: Path, suffix: str) -> None:
    out = tmp_path / f"profiles{suffix}"
    write_predictions(_predictions(), tmp_path / "predictions", provenance={**ORIGIN, "é": "ü"})
    screen: Any = _Wells()
    dn.write_profiles(tmp_path / "predictions", out, screen=screen)
    if suffix == ".h5ad":
        made = anndata.read_h5ad(out)
        frame = made.obs.astype(object).assign(Image_DeepNoise_0001=made.X[:, 0])
    else:
        frame = pd.read_parquet(out) if suffix == ".parquet" else pd.read_csv(out)
    assert frame["Metadata_Plate"].tolist() == ["E 1/a/b", 'Ü/2/q"uote, é', "E 1/1"]
    assert frame["Metadata_Well"].tolist() == ["B02", "AF48", "C03"]
    assert frame["Metadata_Perturbation"].isna().tolist() == [False, True, False]
    assert frame["Metadata_PredictedAssigned"].isna().all()
    assert frame["Image_DeepNoise_0001"].to_numpy().astype(np.float32).tolist() == [
        np.float32(1e-30),
        np.float32(1e30),
        np.float32(1 / 3),
    ]


def test_nothing_is_overwritten(profiles: Path, tiny_predictions: Path, tmp_path: Path, deepnoise: Run) -> None:
    before = profiles.read_bytes()
    done = deepnoise("profiles", tiny_predictions, "-o", profiles)
    assert done.returncode == 2
    assert "already exists; a file of profiles is never overwritten" in done.stderr
    assert profiles.read_bytes() == before
    (tmp_path / "mine.json").write_text("kept")
    done = deepnoise("profiles", tiny_predictions, "-o", tmp_path / "mine.csv")
    assert done.returncode == 2
    assert [file.name for file in tmp_path.iterdir()] == ["mine.json"]


def test_wrong_use_is_one_message(
    tiny_predictions: Path, tmp_path: Path, deepnoise: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def message(folder: Path, out: str) -> str:
        done = deepnoise("profiles", folder, "-o", tmp_path / out)
        assert done.returncode == 2
        assert not (tmp_path / out).exists()
        return str(done.stderr)

    assert "written as .parquet, .csv, .h5ad; name the file so" in message(tiny_predictions, "profiles.xlsx")
    assert "holds no predictions" in message(tmp_path, "a.parquet")
    write_predictions(_predictions(embeddings=None), tmp_path / "none", provenance={})
    assert "holds no embeddings; predict again" in message(tmp_path / "none", "a.parquet")
    record = {"model": "ensemble of 2", "members": [{"bundle": "runs/one/bundle"}, {}]}
    write_predictions(_predictions(embeddings=None), tmp_path / "ensemble", provenance=record)
    assert "predict with one member, as in deepnoise predict runs/one/bundle" in message(
        tmp_path / "ensemble", "a.parquet"
    )
    holes = np.array([[1, 2], [np.nan, 1], [1, 2]], dtype=np.float32)
    write_predictions(_predictions(embeddings=holes), tmp_path / "holes", provenance={})
    assert "1 wells have no finite embedding ('w1')" in message(tmp_path / "holes", "a.parquet")
    gone = {**ORIGIN, "screen": "/nowhere/at/all"}
    write_predictions(_predictions(), tmp_path / "gone", provenance=gone)
    assert "its screen /nowhere/at/all is not there; name it with --screen" in message(tmp_path / "gone", "a.csv")
    monkeypatch.setitem(sys.modules, "anndata", None)
    assert 'not installed; pip install "deepnoise[anndata]"' in message(tiny_predictions, "a.h5ad")


def test_python_of_the_documents_runs(with_controls: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (Path(__file__).resolve().parents[2] / "docs" / "handover.md").read_text()
    programs = [part.partition("```")[0] for part in text.split("```python\n")[1:]]
    monkeypatch.chdir(with_controls.parent)
    made: dict[str, Any] = {}
    for number, program in enumerate(programs):
        file = with_controls.with_name(f"program_{number}.py")
        file.write_text(program)
        made |= runpy.run_path(str(file))
    assert len(made["normalized"]) == len(made["frame"])
    assert set(made["active"]["Metadata_Perturbation"]) > set(read_predictions(Path("predictions"))[0].classes)


@pytest.mark.parametrize(("experiment", "protocol"), [("HUVEC-17", "rcic"), ("HUVEC-01", "custom")])
def test_the_protocol_is_that_of_the_rows(tmp_path: Path, experiment: str, protocol: str) -> None:
    made = _predictions(classes=tuple(map(str, range(1108))), scores=np.zeros((3, 1108), np.float32))
    ids = {**made.ids, "experiment": np.array([experiment] * 3, dtype=object)}
    write_predictions(replace(made, ids=ids), tmp_path / "p", provenance=ORIGIN)
    screen: Any = _Wells()
    dn.write_profiles(tmp_path / "p", tmp_path / "p.csv", screen=screen)
    assert json.loads((tmp_path / "p.json").read_text())["protocol"] == protocol
