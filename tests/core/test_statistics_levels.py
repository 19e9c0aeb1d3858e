"""Pools of reference sites against plain loops, and the same pools and bits in any order."""

from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepnoise_core.contracts import Measure, Role, Screen
from deepnoise_core.contracts.errors import StatisticsError
from deepnoise_core.data.statistics import (
    intensity_table,
    level_groups,
    median_and_mad,
    pool_histograms,
    pool_moments,
    reference_pools,
    site_statistics,
)
from deepnoise_core.testing.screens import random_screen

LEVELS = ("plate", "experiment", "cell_type", "screen")
REFERENCES = {
    "all": [role.value for role in Role],
    "negative_controls": ["negative_control"],
    "controls": ["negative_control", "positive_control"],
}


def screen_of(*roles: str, dtype: Any = "uint8", seed: int = 0) -> Screen:
    """Two cell types of one experiment each, of two plates, where well i has role i and two sites."""
    screen = random_screen(wells=len(roles), dtype=dtype, seed=seed)
    role = pl.col("well").replace_strict({f"B{number + 2:02}": role for number, role in enumerate(roles)})
    return replace(screen, sites=screen.sites.with_columns(role=role, cell_type="cell_" + pl.col("experiment")))


SCREEN = screen_of("negative_control", "treatment", "positive_control", "negative_control")
STATISTICS = site_statistics(SCREEN, measures=tuple(Measure))


def key(screen: Screen, row: int, level: str) -> tuple[Any, ...]:
    columns = {"plate": ("experiment", "plate"), "screen": ()}.get(level, (level,))
    return tuple(screen.sites.row(row, named=True)[name] for name in columns)


@pytest.mark.parametrize(("level", "reference"), list(product(LEVELS, REFERENCES)))
def test_a_pool_holds_the_reference_sites_of_the_group(level: Any, reference: Any) -> None:
    order = np.random.default_rng(0).permutation(len(SCREEN))
    screen = SCREEN.take(order)
    pools = reference_pools(STATISTICS.take(order), level, reference)
    roles = screen.column("role")
    for row in range(len(screen)):
        expected = [
            other
            for other in range(len(screen))
            if key(screen, other, level) == key(screen, row, level) and roles[other] in REFERENCES[reference]
        ]
        assert pools.sites[pools.of_row[row]].tolist() == expected
    assert pools.notes == ()
    assert list(pools.names) == sorted(pools.names)


@given(seed=st.integers(0, 1000), level=st.sampled_from(LEVELS), reference=st.sampled_from(list(REFERENCES)))
def test_statistics_of_pools_have_the_same_bits_in_any_order(seed: int, level: Any, reference: Any) -> None:
    order = np.random.default_rng(seed).permutation(len(SCREEN))
    shuffled = STATISTICS.take(order)
    ours, theirs = reference_pools(STATISTICS, level, reference), reference_pools(shuffled, level, reference)
    assert ours.names == theirs.names
    assert np.array_equal(ours.of_row[order], theirs.of_row)
    for field in ("mean", "variance"):
        one, other = (getattr(pool_moments(*each), field) for each in ((STATISTICS, ours), (shuffled, theirs)))
        assert np.array_equal(one, other)
    one, other = (pool_histograms(*each, median_and_mad) for each in ((STATISTICS, ours), (shuffled, theirs)))
    assert np.array_equal(one, other)


def test_plates_of_the_same_name_in_other_experiments_are_others() -> None:
    assert level_groups(STATISTICS, "plate").names == ("plate E0/1", "plate E0/2", "plate E1/1", "plate E1/2")


def test_a_name_that_could_be_read_in_two_ways_joins_nothing() -> None:
    sites = SCREEN.sites.with_columns(experiment=pl.Series(["a/b", "a"] * 16), plate=pl.Series(["c", "b/c"] * 16))
    groups = level_groups(site_statistics(replace(SCREEN, sites=sites)), "plate")
    assert groups.of_row.tolist() == [1, 0] * 16


def test_no_sites_make_no_groups() -> None:
    nothing = STATISTICS.take(np.arange(0))
    for level in LEVELS:
        assert level_groups(nothing, level).names == ()  # type: ignore[arg-type]
        assert reference_pools(nothing, level).sites == ()  # type: ignore[arg-type]


def without_controls(plates: list[tuple[str, str]]) -> Screen:
    bare = pl.struct("experiment", "plate").is_in(
        [{"experiment": experiment, "plate": plate} for experiment, plate in plates]
    )
    role = pl.when(bare).then(pl.lit("treatment")).otherwise("role")
    return replace(SCREEN, sites=SCREEN.sites.with_columns(role=role))


def test_too_few_reference_sites_are_an_error_that_counts_them() -> None:
    statistics = site_statistics(without_controls([("E0", "2"), ("E1", "1")]))
    with pytest.raises(StatisticsError) as caught:
        reference_pools(statistics, "plate", "negative_controls", minimum=4)
    assert str(caught.value) == (
        "4 negative controls are needed to measure each plate by, but there are fewer in 'plate E0/2: 0', "
        "'plate E1/1: 0'; choose a wider level, another reference or a smaller minimum"
    )


def test_a_group_with_too_few_takes_the_next_wider_level_and_says_so() -> None:
    statistics = site_statistics(without_controls([("E0", "2"), ("E1", "1"), ("E1", "2")]))
    pools = reference_pools(statistics, "plate", "controls", minimum=6, wider=True)
    by_name = dict(zip(pools.names, pools.sites, strict=True))
    assert {name: len(sites) for name, sites in by_name.items()} == {
        "plate E0/1": 6,
        "experiment E0": 6,
        "the screen": 6,
    }
    assert [pools.names[number] for number in pools.of_row[::8]] == [
        "plate E0/1",
        "experiment E0",
        "the screen",
        "the screen",
    ]
    assert pools.notes == (
        "plate E0/2 has 0 controls, fewer than 6: the 6 of experiment E0 are used",
        "plate E1/1 has 0 controls, fewer than 6: the 6 of the screen are used",
        "plate E1/2 has 0 controls, fewer than 6: the 6 of the screen are used",
    )
    with pytest.raises(StatisticsError, match="'the screen: 6'"):
        reference_pools(statistics, "plate", "controls", minimum=7, wider=True)


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize(("level", "reference"), [("plate", "all"), ("cell_type", "controls")])
def test_the_table_tells_what_numpy_finds(dtype: Any, level: Any, reference: Any) -> None:
    screen = screen_of("negative_control", "treatment", "positive_control", dtype=dtype)
    statistics = site_statistics(screen, measures=(Measure.HISTOGRAMS,))
    table = intensity_table(statistics, screen.channels, level, reference, percentiles=(0.1, 25, 99.9))
    pixels, roles = screen.store.read(np.arange(len(screen))), screen.column("role").astype(str)
    assert table.height == 3 * len(reference_pools(statistics, level).names)
    for row in table.iter_rows(named=True):
        own = [
            pixels[site, screen.channels.index(row["channel"])]
            for site in range(len(screen))
            if row["group"].endswith("/".join(key(screen, site, level))) and roles[site] in REFERENCES[reference]
        ]
        values = np.concatenate(own).ravel().astype(np.int64)
        assert row["sites"] == len(own)
        np.testing.assert_allclose([row["mean"], row["std"]], [values.mean(), values.std()], rtol=1e-12)
        middle = np.quantile(values, 0.5, method="inverted_cdf")
        assert row["median"] == middle
        assert row["mad"] == np.quantile(np.abs(values - middle), 0.5, method="inverted_cdf")
        for name, share in (("p0.1", 0.001), ("p25", 0.25), ("p99.9", 0.999)):
            assert row[name] == np.quantile(values, share, method="inverted_cdf")


def test_statistics_without_histograms_are_refused() -> None:
    bare = site_statistics(SCREEN)
    with pytest.raises(ValueError, match=r"Measure\.HISTOGRAMS"):
        pool_histograms(bare, reference_pools(bare), median_and_mad)
