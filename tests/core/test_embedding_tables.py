"""Tables of embeddings: whose they are, which columns are features, and what is wrong with them."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from deepnoise_core.contracts import Screen
from deepnoise_core.contracts.errors import ScreenError
from deepnoise_core.data.embeddings import embedded, read_embeddings
from deepnoise_core.testing.screens import random_screen

VALUES = np.random.default_rng(0).normal(size=(32, 5)).astype(np.float32)
NAMES = [f"feature_{number}" for number in range(5)]


@pytest.fixture(scope="module")
def screen() -> Screen:
    """Two experiments of two plates, four wells each, two sites a well."""
    return random_screen()


def table_of(screen: Screen, *columns: str) -> pl.DataFrame:
    return screen.sites.select(columns).hstack(pl.DataFrame(VALUES, schema=NAMES))


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_sites_are_joined_by_name_in_any_order(screen: Screen, tmp_path: Path, suffix: str) -> None:
    shuffled = table_of(screen, "site_id").sample(fraction=1.0, shuffle=True, seed=1)
    file = tmp_path / f"embeddings{suffix}"
    shuffled.write_csv(file) if suffix == ".csv" else shuffled.write_parquet(file)
    read = read_embeddings(file)
    assert read.features == tuple(NAMES)
    found = embedded(read, screen)
    assert found.ids["site_id"].tolist() == screen.column("site_id").tolist()
    assert found.embeddings is not None
    assert found.embeddings.dtype == np.float32
    np.testing.assert_array_equal(found.embeddings, VALUES)
    assert (found.classes, found.notes) == ((), ())


def test_wells_are_found_by_plate_and_well_in_any_spelling(screen: Screen, tmp_path: Path) -> None:
    wells = table_of(screen, "experiment", "plate", "well").unique(["experiment", "plate", "well"], keep="first")
    spelt = wells.with_columns(pl.col("well").str.replace("B0", "b")).rename(
        {"experiment": "Metadata_Experiment", "plate": "Image_Metadata_Plate", "well": "Metadata_Well"}
    )
    spelt[3:].write_csv(tmp_path / "wells.csv")
    found = embedded(read_embeddings(tmp_path / "wells.csv"), screen)
    assert not found.per_site
    assert len(found) == 13
    assert found.notes == ("3 of 16 wells have no embedding",)
    spelt.drop("Metadata_Experiment").unique(["Image_Metadata_Plate", "Metadata_Well"]).write_csv(
        tmp_path / "plates.csv"
    )
    with pytest.raises(ScreenError, match="wells of several experiments; add the column experiment"):
        embedded(read_embeddings(tmp_path / "plates.csv"), screen)


def test_lists_are_features_too(screen: Screen, tmp_path: Path) -> None:
    lists = screen.sites.select("site_id").with_columns(vector=pl.Series(VALUES.tolist()))
    for name, dtype in (("list", pl.List(pl.Float32)), ("array", pl.Array(pl.Float32, 5))):
        lists.with_columns(pl.col("vector").cast(dtype)).write_parquet(tmp_path / f"{name}.parquet")
        read = read_embeddings(tmp_path / f"{name}.parquet")
        assert read.features[-1] == "vector_4"
        np.testing.assert_array_equal(read.values, VALUES)
    ragged = pl.Series([*VALUES[:-1].tolist(), [1.0, 2.0]], dtype=pl.List(pl.Float32))
    lists.with_columns(vector=ragged).write_parquet(tmp_path / "ragged.parquet")
    with pytest.raises(ScreenError, match=r"ragged.parquet, row 32: vector holds 2 numbers, that of .*row 1 5;"):
        read_embeddings(tmp_path / "ragged.parquet")


def test_metadata_are_no_features(screen: Screen, tmp_path: Path) -> None:
    wide = table_of(screen, "site_id", "well", "site").with_columns(Metadata_Dose=pl.lit(3), sirna_id=pl.lit(7))
    wide.write_csv(tmp_path / "named.csv")
    assert read_embeddings(tmp_path / "named.csv").features == tuple(NAMES)
    assert read_embeddings(tmp_path / "named.csv", "feature_[12]").features == ("feature_1", "feature_2")
    other = wide.drop("sirna_id").rename({name: name.replace("feature", "emb") for name in NAMES})
    other.write_csv(tmp_path / "other.csv")
    assert read_embeddings(tmp_path / "other.csv").features[0] == "emb_0"
    assert len(read_embeddings(tmp_path / "other.csv").features) == 5


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("feature_0\n1\n", "no column tells whose embeddings these are"),
        ("site_id,well\nE0_1_B02_1,B02\n", "no column holds features"),
        ("site_id,feature_0\nE0_1_B02_1,1\nE0_1_B02_2,nan\n", "e.csv:3: feature_0 is nan; .*such rows: 1"),
        ("site_id,feature_0\nE0_1_B02_1,inf\n", "e.csv:2: feature_0 is inf"),
        ("site_id,feature_0\nE0_1_B02_1,\n", "e.csv:2: feature_0 is empty"),
        ("site_id,feature_0\nE0_1_B02_1,high\n", "e.csv:2: feature_0 is high"),
        ("site_id,feature_0,feature_1\nE0_1_B02_1,1\n", "e.csv:2: 2 fields where the header has 3"),
        (
            "site_id,feature_0\nE0_1_B02_1,1\nE0_1_B02_1,2\n",
            "e.csv:3: site_id 'E0_1_B02_1' stands already at .*:2",
        ),
        ("site_id,feature_0\n,1\n", "e.csv:2: site_id is empty"),
        (
            "site_id,feature_0\nE0_1_B02_1,1\nE9_1_B02_1,2\n",
            "e.csv:3: site_id 'E9_1_B02_1' is no site of .* 1 of 2",
        ),
        ("PAR1 but no Parquet", "no Parquet table that can be read"),
        ("\0\1\2", "no table|not UTF-8 text"),
    ],
)
def test_faults_are_named_by_their_place(screen: Screen, tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "e.csv").write_text(text)
    with pytest.raises(ScreenError, match=message):
        embedded(read_embeddings(tmp_path / "e.csv"), screen)


def test_texts_in_parquet_are_no_features(screen: Screen, tmp_path: Path) -> None:
    strange = table_of(screen, "site_id").rename({"feature_0": "emb"}).select("site_id", "emb")
    strange.with_columns(when=pl.date(2026, 1, 1)).write_parquet(tmp_path / "e.parquet")
    with pytest.raises(ScreenError, match="column 'when' holds Date, no numbers; name it Metadata_when"):
        read_embeddings(tmp_path / "e.parquet")
