"""The table reader on real tables and real images."""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import tifffile

from deepnoise_core.contracts.errors import ImageError
from deepnoise_plugins.rxrx1.options import RxRx1Options
from deepnoise_plugins.rxrx1.reader import RxRx1Reader
from deepnoise_plugins.table.options import TableOptions
from deepnoise_plugins.table.reader import TableReader

Shared = Callable[[str], Path]


def reader(**options: object) -> TableReader:
    return TableReader(TableOptions.model_validate(options))


def test_bbbc021_without_its_images(shared: Shared) -> None:
    folder = shared("bbbc021_profiles")
    assert reader().recognises(folder)
    roles = {"DMSO": "negative_control", "taxol": "positive_control", "*": "treatment"}
    screen = reader(columns={"role": "Image_Metadata_Compound"}, roles=roles).open(folder)
    assert (len(screen), screen.channels) == (13_200, ("DAPI", "Tubulin", "Actin"))
    assert screen.sites["plate"].n_unique() == 55
    # 60 wells a plate and four sites a well.
    assert screen.sites["well_id"].n_unique() == 3_300
    assert screen.sites["site"].value_counts().sort("site").rows() == [(site, 3_300) for site in range(1, 5)]
    counts = dict(screen.sites["role"].value_counts().rows())
    assert counts == {"negative_control": 1_320, "positive_control": 1_416, "treatment": 10_464}
    assert set(screen.sites["perturbation"]) >= {"DMSO", "taxol", "AZ-J"}
    with pytest.raises(
        ImageError, match=r"none of its images is there, the first would be .*/Week4/Week4_27481/G10"
    ):
        screen.store.read(np.arange(1))


@pytest.mark.parametrize(
    "name",
    [
        "examplehuman_cc0",
        "idr0080_crispr_layout",
        "lincs_plate",
        "nf1_images",
        "rxrx1_images",
        "rxrx1_kaggle",
        "rxrx1_metadata",
        "rxrx1_plate_stats",
        "rxrx1_predictions",
    ],
)
def test_other_folders_are_not_recognised(name: str, shared: Shared) -> None:
    assert not reader().recognises(shared(name))


@pytest.mark.parametrize("habit", ["own", "load_data", "moved"])
def test_rxrx1_through_a_table(habit: str, shared: Shared, tmp_path: Path) -> None:
    images = shared("rxrx1_images") / "images"
    theirs = RxRx1Reader(RxRx1Options()).open(images.parent)
    sites = pl.read_csv(images.parent / "metadata.csv", infer_schema=False)
    folder = pl.concat_str("experiment", pl.lit("/Plate"), "plate")
    file = pl.concat_str("well", pl.lit("_s"), "site")
    channels = {name: pl.concat_str(file, pl.lit(f"_w{c}.png")) for c, name in enumerate(theirs.channels, 1)}
    options: dict[str, object] = {}
    if habit == "own":
        here = pl.lit(f"{images}/")
        named = {name: pl.concat_str(here, folder, pl.lit("/"), names) for name, names in channels.items()}
        table = sites.with_columns(**named).rename({"well_type": "role", "sirna": "perturbation"})
    else:
        root = "s3://bucket/rxrx1/" if habit == "moved" else f"{images}/"
        pairs = {f"FileName_Orig{name.title()}": names for name, names in channels.items()}
        pairs |= {f"PathName_Orig{name.title()}": pl.concat_str(pl.lit(root), folder) for name in channels}
        renamed = {"experiment": "Metadata_Batch", "plate": "Metadata_Plate", "well": "Metadata_Well"}
        table = sites.with_columns(**pairs).rename(renamed | {"site": "Metadata_Site"})
        if habit == "moved":
            options = {"image_root": str(images), "listed_root": "s3://bucket/rxrx1"}
    table.write_csv(tmp_path / "table.csv")
    screen = reader(**options).open(tmp_path)
    assert screen.sites["site_id"].equals(theirs.sites["site_id"])
    assert [one.reason for one in screen.dropped] == [one.reason for one in theirs.dropped]
    np.testing.assert_array_equal(screen.store.read(np.arange(8)), theirs.store.read(np.arange(8)))


def test_nf1_tiffs_through_a_table(shared: Shared, tmp_path: Path) -> None:
    images = shared("nf1_images")
    name = re.compile(r"(?P<well>[A-H]\d+)_01_\d_(?P<site>\d)_(?P<stain>\w+)_001\.tif")
    found = [(path.name, match) for path in sorted(images.glob("*.tif")) if (match := name.fullmatch(path.name))]
    files = pl.DataFrame([{**match.groupdict(), "file": file} for file, match in found])
    table = files.pivot("stain", index=["well", "site"], values="file").with_columns(plate=pl.lit("Plate_2"))
    table.write_parquet(tmp_path / "sites.parquet")
    screen = reader(image_root=str(images), stains={"DAPI": "Hoechst"}).open(tmp_path)
    assert screen.channels == ("DAPI", "GFP", "RFP")
    assert screen.sites["well"].to_list() == ["B07", "D06", "D07", "F07", "H12"]
    assert screen.store.shape == (3, 904, 1224)
    assert screen.store.dtype == np.uint16
    expected = tifffile.imread(images / "D7_01_2_1_GFP_001.tif")
    np.testing.assert_array_equal(screen.store.read(np.array([2]))[0, 1], expected)
