"""Embeddings of any origin beside ours: from a table and metadata to predictions that everything reads."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from sklearn.metrics.pairwise import cosine_similarity

import deepnoise as dn
from deepnoise_core.contracts import Stage
from deepnoise_core.data.prediction_table import read_predictions

Run = Callable[..., Any]
FEATURES = [f"feature_{number}" for number in range(8)]


def embeddings_of(
    sites: pl.DataFrame, key: str = "perturbation", signal: float = 3.0, seed: int = 0
) -> pl.DataFrame:
    """Embeddings that follow the perturbation and the experiment, in RxRx1's layout."""
    generator = np.random.default_rng(seed)
    values = generator.normal(size=(sites.height, len(FEATURES)))
    for column, size in ((key, signal), ("experiment", 1.0)):
        names, code = np.unique(sites[column].fill_null("").to_numpy().astype(str), return_inverse=True)
        values += size * generator.normal(size=(len(names), len(FEATURES)))[code]
    return sites.select("site_id").hstack(pl.DataFrame(values, schema=FEATURES))


@pytest.fixture(scope="module")
def baseline(tmp_path_factory: pytest.TempPathFactory, tiny_screen: Path, deepnoise: Run) -> Path:
    """Folder of the scored embeddings of the simulated screen."""
    folder = tmp_path_factory.mktemp("baseline")
    embeddings_of(dn.open_screen(tiny_screen).sites).write_csv(folder / "embeddings.csv")
    done = deepnoise(
        "baseline", folder / "embeddings.csv", "--metadata", tiny_screen, "--out", folder / "predictions"
    )
    assert done.returncode == 0, done.stderr
    assert "8 features, feature_0 to feature_7" in done.stderr
    return folder / "predictions"


def test_predictions_are_what_brute_force_gives(baseline: Path, tiny_screen: Path) -> None:
    predictions, record = read_predictions(baseline)
    sites = dn.open_screen(tiny_screen).sites
    values = embeddings_of(sites).select(FEATURES).to_numpy().astype(np.float32)
    treated = sites["role"].to_numpy() == "treatment"
    experiment, well, label = (sites[name].to_numpy() for name in ("experiment", "well_id", "perturbation"))
    rows = np.flatnonzero(predictions.ids["role"] == "treatment")
    for row in rows[::7]:
        others = treated & (experiment != predictions.ids["experiment"][row])
        means = np.stack([values[others & (label == name)].mean(axis=0) for name in predictions.classes])
        cosines = cosine_similarity(values[well == predictions.ids["well_id"][row]], means).mean(axis=0)
        np.testing.assert_allclose(predictions.unrestricted[row], record["scale"] * cosines, rtol=1e-4, atol=1e-4)
    assert len(predictions) == sites["well_id"].n_unique()
    assert set(predictions.stages) == set(Stage)
    controls = np.setdiff1d(np.arange(len(predictions)), rows)
    assert len(controls)
    assert all((labels[controls] == -1).all() for labels in predictions.stages.values())
    assert predictions.embeddings is not None


def test_evaluation_reads_them_as_any(baseline: Path, deepnoise: Run) -> None:
    evaluation = dn.evaluate(baseline)
    assert evaluation.wells == 48
    assert evaluation.stages[Stage.RAW].accuracy > 5 * evaluation.chance
    assert deepnoise("evaluate", baseline, "--json").returncode == 0


def test_labels_of_an_experiment_do_not_help_it(tiny_screen: Path, tmp_path: Path) -> None:
    """Embeddings that hold nothing but the well itself are named by chance, however many classes."""
    sites = dn.open_screen(tiny_screen).sites
    embeddings_of(sites, key="well_id").write_csv(tmp_path / "e.csv")
    evaluation = dn.evaluate(_made(dn.baseline(tmp_path / "e.csv", tiny_screen, tmp_path / "p"), tmp_path / "p"))
    assert evaluation.stages[Stage.RAW].accuracy < 0.3


def _made(_: object, folder: Path) -> Path:
    return folder


def test_a_table_without_images_is_metadata_enough(tiny_screen: Path, tmp_path: Path, deepnoise: Run) -> None:
    sites = dn.open_screen(tiny_screen).sites
    wells = sites.unique("well_id", keep="first", maintain_order=True)
    wells.select("experiment", "plate", "well", "role", "perturbation", "cell_type").write_csv(
        tmp_path / "wells.csv"
    )
    joined = wells.select("site_id", "experiment", "plate", "well").join(
        embeddings_of(sites), on="site_id", maintain_order="left"
    )
    joined.drop("site_id").write_parquet(tmp_path / "e.parquet")
    done = deepnoise(
        "baseline", tmp_path / "e.parquet", "--metadata", tmp_path / "wells.csv", "--out", tmp_path / "out"
    )
    assert done.returncode == 0, done.stderr
    _, record = read_predictions(tmp_path / "out")
    assert (record["reader"], record["reader_options"]) == ("table", {"images": "none"})
    assert dn.evaluate(tmp_path / "out").stages[Stage.RAW].accuracy > 0.4
    dn.write_profiles(tmp_path / "out", tmp_path / "profiles.parquet")
    again = dn.baseline(tmp_path / "profiles.parquet", tmp_path / "wells.csv", tmp_path / "again")
    first, _ = read_predictions(tmp_path / "out")
    assert dict(again.stages).keys() == dict(first.stages).keys()
    np.testing.assert_array_equal(again.stages[Stage.RAW], first.stages[Stage.RAW])


def test_corrections_come_first_and_are_told(tiny_screen: Path, tmp_path: Path) -> None:
    sites = dn.open_screen(tiny_screen).sites
    embeddings_of(sites, signal=1.0).write_csv(tmp_path / "e.csv")
    scaled = {"name": "center-scale", "options": {"level": "experiment", "reference": "all"}}
    made = dn.baseline(tmp_path / "e.csv", tiny_screen, tmp_path / "p", steps=["site-mean", scaled])
    assert "embeddings of all wells by experiment" in made.transductive
    assert made.embeddings is not None
    for name in np.unique(made.ids["experiment"].astype(str)):
        own = made.embeddings[made.ids["experiment"] == name]
        np.testing.assert_allclose(own.mean(axis=0), 0, atol=1e-5)
        np.testing.assert_allclose(own.std(axis=0), 1, rtol=1e-4)
    _, record = read_predictions(tmp_path / "p")
    assert [one["name"] for one in record["steps"]] == ["site-mean", "center-scale"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--leave-out", "plat"], "no column 'plat' to leave out by, did you mean 'plate'?"),
        (["--leave-out", "cell_type", "--target", "cell_type"], "chance"),
        (["--target", "dose"], "no column 'dose' to learn"),
        (["--features", "emb_*"], "no column holds features"),
        (["--steps", "center-scall"], "did you mean"),
        (["--steps", "combat", "--option", "combat.bach=plate"], "bach"),
        (["--steps", "sphering", "--metadata", "nowhere.csv"], "nowhere.csv does not exist"),
    ],
)
def test_wrong_use_is_one_message(
    tiny_screen: Path, tmp_path: Path, deepnoise: Run, words: list[str], message: str
) -> None:
    embeddings_of(dn.open_screen(tiny_screen).sites).write_csv(tmp_path / "e.csv")
    done = deepnoise("baseline", tmp_path / "e.csv", "--metadata", tiny_screen, "--out", tmp_path / "p", *words)
    if message == "chance":
        assert done.returncode == 0, done.stderr
        return
    assert done.returncode == 2
    assert message in done.stderr
    assert not (tmp_path / "p").exists()


def test_a_taken_folder_is_left_alone(baseline: Path, tiny_screen: Path, deepnoise: Run) -> None:
    done = deepnoise("baseline", "e.csv", "--metadata", tiny_screen, "--out", baseline)
    assert done.returncode == 2
    assert "already exists" in done.stderr


def test_mechanisms_of_real_profiles_are_found_once_corrected(
    shared: Callable[[str], Path], tmp_path: Path
) -> None:
    """BBBC021 without the own compound: far above chance, and better where features are standardized."""
    folder = shared("bbbc021_profiles")
    profiles = folder / "ljosa_jbiomolscreen_2013_per_well_mean.csv.gz"
    place, treatment = ("Image_Metadata_Plate", "Image_Metadata_Well"), ("compound", "concentration")
    images = pl.read_csv(folder / "BBBC021_v1_image.csv.gz").rename(
        {f"{name}_DAPI": name for name in place}
        | {f"Image_Metadata_{name.capitalize()}": name for name in treatment}
    )
    wells = (
        pl.read_csv(profiles)
        .select(place)
        .join(images.select(*place, *treatment).unique(), on=place, how="left", maintain_order="left")
    )
    moa = pl.read_csv(folder / "BBBC021_v1_moa.csv").filter(pl.col("moa") != "DMSO")
    wells = wells.join(moa, on=treatment, how="left", maintain_order="left")
    role = pl.when(pl.col("compound") == "DMSO").then(pl.lit("negative_control")).otherwise(pl.lit("treatment"))
    wells.with_columns(role=role).write_csv(tmp_path / "wells.csv")
    accuracy = []
    standard = {"name": "center-scale", "options": {"level": "screen", "reference": "all"}}
    for number, steps in enumerate(([], [standard])):
        out = tmp_path / f"{number}"
        dn.baseline(profiles, tmp_path / "wells.csv", out, target="moa", leave_out="perturbation", steps=steps)
        accuracy.append(dn.evaluate(out).stages[Stage.RAW].accuracy)
    raw, standardized = accuracy
    assert 0.35 < raw < 0.55
    assert 0.7 < standardized < 0.9
