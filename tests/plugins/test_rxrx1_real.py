"""The RxRx1 reader on the real releases; counts are those of the published data set."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from deepnoise_core.contracts.errors import ImageError
from deepnoise_plugins.rxrx1.options import RxRx1Options
from deepnoise_plugins.rxrx1.reader import RxRx1Reader


def reader(**options: object) -> RxRx1Reader:
    return RxRx1Reader(RxRx1Options.model_validate(options))


def test_real_images(shared: Callable[[str], Path]) -> None:
    folder = shared("rxrx1_images")
    assert reader().recognises(folder)
    screen = reader().open(folder)
    assert len(screen) == 8
    assert set(screen.sites["site"]) == {1}
    assert len(screen.dropped) == 8
    for site in screen.dropped:
        assert site.site_id.endswith("_B02_2")
        assert site.reason.endswith(": B02_s2_w5.png, B02_s2_w6.png")
    pixels = screen.store.read(np.arange(8))
    assert pixels.shape == (8, 6, 512, 512)
    assert pixels.dtype == np.uint8
    first = screen.column("plate") == "1"
    mean = dict(zip(screen.column("experiment")[first], pixels[first, 0].mean(axis=(1, 2)).round(1), strict=True))
    assert mean == {"HEPG2-01": 71.1, "U2OS-01": 10.4, "RPE-01": 6.0, "HUVEC-01": 5.0}


def test_real_metadata(shared: Callable[[str], Path]) -> None:
    screen = reader().open(shared("rxrx1_metadata"))
    assert len(screen) == len(screen.store) == 125_510
    assert screen.dropped == ()
    assert screen.sites["experiment"].n_unique() == 51
    assert screen.sites.select("experiment", "plate").n_unique() == 204
    treatments = screen.sites.filter(pl.col("role") == "treatment")
    assert treatments["perturbation"].drop_nulls().n_unique() == 1_108
    assert treatments["perturbation"].null_count() == 30_932
    with pytest.raises(ImageError, match=r"images folder .* not found"):
        screen.store.read(np.array([0]))


def test_real_competition_tables(shared: Callable[[str], Path]) -> None:
    screen = reader().open(shared("rxrx1_kaggle"))
    assert len(screen) == 125_510
    wells = screen.sites.unique("well_id", maintain_order=True)
    counts = dict(
        zip(
            *wells.group_by("dataset", "role")
            .len()
            .sort("dataset", "role")
            .select(pl.concat_str("dataset", "role", separator=" ").alias("part"), "len")
            .get_columns(),
            strict=True,
        )
    )
    assert counts["train treatment"] == 36_515
    assert counts["test treatment"] == 19_897
    assert sum(count for part, count in counts.items() if part.endswith("positive_control")) == 6_097
    assert sum(count for part, count in counts.items() if part.endswith("negative_control")) == 246
    trained = wells.filter(dataset="train", role="treatment")
    by_cell = dict(trained.group_by("cell_type").len().rows())
    assert by_cell == {"HUVEC": 17_688, "RPE": 7_753, "HEPG2": 7_750, "U2OS": 3_324}
    assert wells.filter(dataset="test", role="treatment")["perturbation"].null_count() == 19_897


def test_renamed_competition_tables_name_the_same_perturbations(shared: Callable[[str], Path]) -> None:
    folder = shared("rxrx1_kaggle")
    integers = reader(sites=(1,)).open(folder).sites.select("well_id", "perturbation")
    names = reader(sites=(1,)).open(folder / "renamed_release").sites.select("well_id", "perturbation")
    assert "UNTREATED" in names["perturbation"]
    both = integers.drop_nulls().join(names, on="well_id")
    assert both.height == 36_515 + 6_343
    pairs = both.select("perturbation", "perturbation_right").unique()
    assert pairs.height == pairs["perturbation"].n_unique() == pairs["perturbation_right"].n_unique() == 1_139
