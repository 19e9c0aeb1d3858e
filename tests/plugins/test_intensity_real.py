"""Normalizers on real images and real plate layouts of RxRx1."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

from deepnoise_core.contracts import Measure, Screen, SiteStatistics
from deepnoise_core.contracts.errors import StatisticsError
from deepnoise_core.data.decoding import read_plane
from deepnoise_core.data.statistics import intensity_table, reference_pools, site_statistics
from deepnoise_plugins.intensity.options import ScaleOptions
from deepnoise_plugins.intensity.robust import Robust
from deepnoise_plugins.intensity.z_score import ZScore
from deepnoise_plugins.rxrx1.options import RxRx1Options
from deepnoise_plugins.rxrx1.reader import RxRx1Reader

Shared = Callable[[str], Path]
PLATE = ("experiment", "plate", "channel")


@pytest.fixture(scope="module")
def screen(shared: Shared) -> Screen:
    return RxRx1Reader(RxRx1Options()).open(shared("rxrx1_images"))


@pytest.fixture(scope="module")
def published(shared: Shared) -> pl.DataFrame:
    """What the DeepNoise authors divided by: mean and std of each plate and channel."""
    table = pl.read_csv(shared("rxrx1_plate_stats") / "mean_std_plate.csv")
    return table.select("experiment", pl.col("plate", "channel").cast(pl.String), "mean", "std")


def correlation(table: pl.DataFrame, one: str, other: str) -> float:
    return float(np.corrcoef(table[one], table[other])[0, 1])


def test_means_of_all_80_images_go_along_with_those_of_their_plates(
    shared: Shared, published: pl.DataFrame
) -> None:
    rows = []
    for path in sorted((shared("rxrx1_images") / "images").rglob("*.png")):
        pixels = read_plane(path)
        rows.append((path.parts[-3], path.parent.name[-1], path.stem[-1], pixels.mean(), pixels.std()))
    found = pl.DataFrame(rows, schema=[*PLATE, "own_mean", "own_std"], orient="row").join(published, on=PLATE)
    assert found.height == 80
    assert correlation(found, "own_mean", "mean") > 0.9
    assert correlation(found, "own_std", "std") > 0.9


def test_statistics_of_plates_go_along_with_the_published_ones(screen: Screen, published: pl.DataFrame) -> None:
    statistics = site_statistics(screen, measures=(Measure.HISTOGRAMS,))
    table = intensity_table(statistics, list("123456"))
    found = table.with_columns(
        pl.col("group").str.extract_groups("plate (?<experiment>.+)/(?<plate>.+)").struct.unnest()
    ).join(published, on=PLATE, suffix="_published")
    assert found.height == 48
    assert correlation(found, "mean", "mean_published") > 0.9
    assert correlation(found, "std", "std_published") > 0.9
    assert (found["mad"] < found["std"]).all()


def test_plates_that_differ_tenfold_become_alike(screen: Screen) -> None:
    raw = screen.store.read(np.arange(len(screen)))
    means = raw.mean(axis=(2, 3))
    assert (means.max(axis=0) > 5 * means.min(axis=0)).any()
    for normalizer in (ZScore(ScaleOptions()), Robust(ScaleOptions())):
        normalizer.fit(site_statistics(screen, measures=normalizer.needs))
        made = normalizer(torch.from_numpy(raw), torch.arange(len(screen))).flatten(2)
        middle = made.mean(dim=2) if isinstance(normalizer, ZScore) else made.median(dim=2).values
        torch.testing.assert_close(middle, torch.zeros_like(middle), atol=1e-5, rtol=0)


def test_most_plates_of_rxrx1_have_one_negative_control_so_their_experiments_help(shared: Shared) -> None:
    sites = RxRx1Reader(RxRx1Options()).open(shared("rxrx1_metadata")).sites
    nothing = np.zeros((sites.height, 6), dtype=np.int64)
    experiment, plate, cell_type, role = (
        sites[name].to_numpy().astype(str) for name in ("experiment", "plate", "cell_type", "role")
    )
    statistics = SiteStatistics(
        nothing[:, 0], nothing, nothing.astype(np.uint64), experiment, plate, cell_type, role
    )
    assert len(reference_pools(statistics, "plate", "all").sites) == 204
    controls = reference_pools(statistics, "plate", "controls", minimum=40)
    assert min(map(len, controls.sites)) >= 40
    with pytest.raises(StatisticsError, match="'plate HEPG2-01/2: 2'"):
        reference_pools(statistics, "plate", "negative_controls", minimum=4)
    helped = reference_pools(statistics, "plate", "negative_controls", minimum=4, wider=True)
    assert min(map(len, helped.sites)) == 4
    assert len(helped.notes) == 172
    assert "plate HEPG2-01/2 has 2 negative controls, fewer than 4: the 12 of experiment HEPG2-01 are used" in (
        helped.notes
    )
