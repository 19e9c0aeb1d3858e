"""Fingerprints know the same screen in another place, and every change of it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import deepnoise as dn
from deepnoise_core.contracts import Screen
from deepnoise_core.data.fingerprints import pixels_fingerprint, sites_fingerprint
from deepnoise_core.data.statistics import site_statistics
from deepnoise_core.data.stores import ArrayStore


@pytest.fixture(scope="module")
def screen() -> Screen:
    return dn.simulate("tiny")


def test_a_pack_has_the_fingerprints_of_what_was_packed(screen: Screen, tmp_path: Path) -> None:
    dn.pack(screen, tmp_path / "pack")
    packed = dn.open_screen(tmp_path / "pack")
    assert sites_fingerprint(packed) == sites_fingerprint(screen)
    assert packed.statistics is not None
    assert pixels_fingerprint(packed.statistics) == pixels_fingerprint(site_statistics(screen))


@pytest.mark.parametrize(
    "change",
    [
        lambda one: replace(one, sites=one.sites.with_columns(pl.lit("other").alias("perturbation"))),
        lambda one: replace(one, sites=one.sites.with_columns(pl.lit(None, pl.String).alias("perturbation"))),
        lambda one: replace(one, channels=one.channels[::-1]),
        lambda one: one.take(np.arange(len(one))[::-1]),
        lambda one: one.take(np.arange(len(one) - 1)),
    ],
    ids=["labels", "no labels", "channels", "order", "fewer"],
)
def test_a_change_of_the_table_shows(change: object, screen: Screen) -> None:
    assert callable(change)
    assert sites_fingerprint(change(screen)) != sites_fingerprint(screen)


def test_further_columns_count_where_they_are_learned(screen: Screen) -> None:
    dosed = [
        replace(screen, sites=screen.sites.with_columns(pl.lit(dose).alias("dose"))) for dose in ("low", "high")
    ]
    assert len({sites_fingerprint(one) for one in dosed}) == 1
    assert len({sites_fingerprint(one, "dose") for one in dosed}) == 2


def test_nothing_is_not_the_empty_word(screen: Screen) -> None:
    words = [
        replace(screen, sites=screen.sites.with_columns(pl.lit(word, pl.String).alias("dataset")))
        for word in (None, "")
    ]
    assert len({sites_fingerprint(one) for one in words}) == 2


def test_one_pixel_shows(screen: Screen) -> None:
    pixels = screen.store.read(np.arange(len(screen)))
    pixels[3, 1, 0, 0] ^= 1
    other = replace(screen, store=ArrayStore(pixels), statistics=None)
    assert pixels_fingerprint(site_statistics(other)) != pixels_fingerprint(site_statistics(screen))
