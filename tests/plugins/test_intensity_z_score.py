"""Normalizers against NumPy in float64."""

from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from numpy.typing import NDArray

from deepnoise_core.contracts import SITE_COLUMNS, Screen
from deepnoise_core.data.randomness import sample_keys
from deepnoise_core.data.statistics import site_statistics
from deepnoise_core.data.stores import ArrayStore
from deepnoise_plugins.zscore.dtype_range import DtypeRange
from deepnoise_plugins.zscore.group import ExperimentZScore, GroupZScore, PlateZScore
from deepnoise_plugins.zscore.options import NoneOptions, ZScoreOptions
from deepnoise_plugins.zscore.site import SiteZScore

PLATES = np.array(["1", "1", "2", "2", "1", "2"])
EXPERIMENTS = np.array(["A", "A", "A", "A", "B", "B"])


def screen(dtype: str, *, constant: bool = False) -> tuple[Screen, NDArray[Any]]:
    highest = np.iinfo(dtype).max
    pixels = np.random.default_rng(3).integers(0, highest, (6, 3, 7, 5), dtype=dtype, endpoint=True)
    if constant:
        pixels[:, 1] = 9
    table = {name: [f"{name}-{row}" for row in range(6)] for name in SITE_COLUMNS}
    table |= {"experiment": EXPERIMENTS.tolist(), "plate": PLATES.tolist(), "role": ["treatment"] * 6}
    return Screen(pl.DataFrame(table), ("a", "b", "c"), ArrayStore(pixels), "memory"), pixels


def tensor(pixels: NDArray[Any]) -> torch.Tensor:
    return torch.from_numpy(pixels if pixels.dtype == np.uint8 else pixels.astype(np.int32))


def oracle(pixels: NDArray[Any], groups: NDArray[Any]) -> NDArray[np.float64]:
    made = np.empty(pixels.shape)
    for name in np.unique(groups):
        own = pixels[groups == name].astype(np.float64)
        std = own.std(axis=(0, 2, 3), keepdims=True)
        made[groups == name] = (own - own.mean(axis=(0, 2, 3), keepdims=True)) / np.where(std > 0, std, 1.0)
    return made


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("constant", [False, True])
@pytest.mark.parametrize(
    ("cls", "groups"),
    [(PlateZScore, np.char.add(EXPERIMENTS, PLATES)), (ExperimentZScore, EXPERIMENTS)],
)
def test_groups_have_mean_zero_and_spread_one(
    cls: type[GroupZScore], groups: NDArray[Any], dtype: str, constant: bool
) -> None:
    where, pixels = screen(dtype, constant=constant)
    normalizer = cls(ZScoreOptions())
    normalizer.fit(site_statistics(where, batch_size=2))
    made = normalizer(tensor(pixels), torch.arange(6)).numpy()
    np.testing.assert_allclose(made, oracle(pixels, groups), atol=2e-5)
    assert made.dtype == np.float32


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_a_site_is_its_own_scale(dtype: str) -> None:
    _, pixels = screen(dtype, constant=True)
    made = SiteZScore(ZScoreOptions())(tensor(pixels), torch.arange(6)).numpy()
    np.testing.assert_allclose(made, oracle(pixels, np.arange(6)), atol=2e-5)


def test_none_only_divides_by_the_range_of_the_type() -> None:
    for dtype in ("uint8", "uint16"):
        _, pixels = screen(dtype)
        made = DtypeRange(NoneOptions())(tensor(pixels), torch.arange(6)).numpy()
        np.testing.assert_allclose(made, pixels / np.iinfo(dtype).max, atol=1e-6)


def test_jitter_scales_mean_and_spread_within_its_bounds() -> None:
    where, pixels = screen("uint8")
    plain, jittered = PlateZScore(ZScoreOptions()), PlateZScore(ZScoreOptions(jitter=0.1))
    for normalizer in (plain, jittered):
        normalizer.fit(site_statistics(where))
    rows = torch.zeros(500, dtype=torch.int64)
    images = tensor(pixels)[:1].expand(500, -1, -1, -1)
    made = jittered(images, rows, sample_keys(0, 0, np.arange(500), "normalizer"))
    slope = made.flatten(2).std(dim=2) / plain(images, rows).flatten(2).std(dim=2)
    assert 1 / 1.1 - 1e-4 <= slope.min() < 0.915
    assert 1 / 0.9 + 1e-4 >= slope.max() > 1.1
    assert len(np.unique(slope.numpy())) > 1000
    torch.testing.assert_close(jittered(images, rows), plain(images, rows))
