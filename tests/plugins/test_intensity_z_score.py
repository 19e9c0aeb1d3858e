"""z-scores and plain scaling against NumPy in float64 and scikit-learn."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.preprocessing import StandardScaler

from deepnoise_core.contracts import Measure, Screen
from deepnoise_core.contracts.errors import StatisticsError
from deepnoise_core.data.randomness import sample_keys, uniforms
from deepnoise_core.data.statistics import site_statistics
from deepnoise_core.data.stores import ArrayStore
from deepnoise_core.testing.screens import random_screen
from deepnoise_plugins.intensity.dtype_range import DtypeRange
from deepnoise_plugins.intensity.options import NoneOptions, ScaleOptions
from deepnoise_plugins.intensity.z_score import ZScore

MakeScreen = Callable[..., tuple[Screen, NDArray[Any]]]
GROUPS = {
    "plate": np.array([0, 0, 1, 1, 2, 3]),
    "experiment": np.array([0, 0, 0, 0, 1, 1]),
    "cell_type": np.array([0, 1, 0, 1, 0, 1]),
    "screen": np.zeros(6, dtype=int),
    "site": np.arange(6),
}


def tensor(pixels: NDArray[Any]) -> torch.Tensor:
    return torch.from_numpy(pixels if pixels.dtype == np.uint8 else pixels.astype(np.int32))


def normalized(screen: Screen, options: ScaleOptions) -> NDArray[np.float32]:
    normalizer = ZScore(options)
    normalizer.fit(site_statistics(screen, batch_size=2))
    made: NDArray[np.float32] = normalizer(
        tensor(screen.store.read(np.arange(len(screen)))), torch.arange(len(screen))
    ).numpy()
    return made


def oracle(pixels: NDArray[Any], groups: NDArray[Any]) -> NDArray[np.float64]:
    made = np.empty(pixels.shape)
    for name in np.unique(groups):
        own = pixels[groups == name].astype(np.float64)
        std = own.std(axis=(0, 2, 3), keepdims=True)
        made[groups == name] = (own - own.mean(axis=(0, 2, 3), keepdims=True)) / np.where(std > 0, std, 1.0)
    return made


@pytest.mark.parametrize("level", GROUPS)
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_each_level_has_mean_zero_and_spread_one(six_sites: MakeScreen, level: Any, dtype: str) -> None:
    screen, pixels = six_sites(dtype, constant=True)
    made = normalized(screen, ScaleOptions(level=level))
    np.testing.assert_allclose(made, oracle(pixels, GROUPS[level]), atol=2e-6)
    assert made.dtype == np.float32


def test_a_group_agrees_with_scikit_learn(six_sites: MakeScreen) -> None:
    screen, pixels = six_sites("uint8", constant=True)
    made = normalized(screen, ScaleOptions(level="screen"))
    as_columns = pixels.transpose(0, 2, 3, 1).reshape(-1, 3).astype(np.float64)
    expected = StandardScaler().fit_transform(as_columns)
    np.testing.assert_allclose(made.transpose(0, 2, 3, 1).reshape(-1, 3), expected, atol=1e-6)


@pytest.mark.parametrize("level", ["site", "plate"])
def test_a_narrow_16_bit_channel_keeps_float32_accuracy(level: Any) -> None:
    """Around 60,000 a plain float32 (x − mean) / std is off by a thousandth of a deviation."""
    pixels = np.random.default_rng(0).normal(60000.4, 3, (32, 3, 16, 16)).round().astype(np.uint16)
    screen = random_screen(dtype="uint16")
    screen = Screen(screen.sites, screen.channels, ArrayStore(pixels), "narrow")
    groups = np.arange(32) if level == "site" else np.arange(32) // 8
    np.testing.assert_allclose(normalized(screen, ScaleOptions(level=level)), oracle(pixels, groups), atol=3e-6)


def test_none_only_divides_by_the_range_of_the_type(six_sites: MakeScreen) -> None:
    for dtype in ("uint8", "uint16"):
        _, pixels = six_sites(dtype)
        made = DtypeRange(NoneOptions())(tensor(pixels), torch.arange(6)).numpy()
        np.testing.assert_allclose(made, pixels / np.iinfo(dtype).max, atol=1e-6)


def test_jitter_multiplies_mean_and_spread_by_draws_of_the_key(six_sites: MakeScreen) -> None:
    screen, pixels = six_sites("uint8")
    normalizer = ZScore(ScaleOptions(jitter=0.1))
    normalizer.fit(site_statistics(screen))
    keys = sample_keys(0, 0, np.arange(500), "normalizer")
    images, rows = tensor(pixels)[:1].expand(500, -1, -1, -1), torch.zeros(500, dtype=torch.int64)
    factors = 1 + 0.1 * (2 * uniforms(keys, 6) - 1)
    assert 0.9 <= factors.min() < 0.901
    assert 1.099 < factors.max() <= 1.1
    own = pixels[GROUPS["plate"] == 0].astype(np.float64)
    mean, std = (
        factors[:, part] * of(own, axis=(0, 2, 3)) for part, of in ((np.s_[:3], np.mean), (np.s_[3:], np.std))
    )
    expected = (pixels[0] - mean[:, :, None, None]) / std[:, :, None, None]
    np.testing.assert_allclose(normalizer(images, rows, keys).numpy(), expected, atol=2e-6)
    plain = ZScore(ScaleOptions())
    plain.fit(site_statistics(screen))
    assert torch.equal(normalizer(images, rows), plain(images, rows))


def test_a_channel_without_spread_is_noted_or_an_error(six_sites: MakeScreen) -> None:
    screen, pixels = six_sites("uint8", constant=True)
    normalizer = ZScore(ScaleOptions(level="experiment"))
    normalizer.fit(site_statistics(screen))
    assert normalizer.notes == (
        "channel 2 has no spread in 'experiment A', 'experiment B', and is only centred there",
    )
    with pytest.raises(StatisticsError, match="channel 2 has no spread in 'plate A/1'"):
        ZScore(ScaleOptions(constant="error")).fit(site_statistics(screen))
    with pytest.raises(StatisticsError, match="channel 2 has no spread in 'the image of row 4'"):
        ZScore(ScaleOptions(level="site", constant="error"))(tensor(pixels)[:1], torch.tensor([4]))


@pytest.mark.parametrize(
    ("options", "used"),
    [
        ({"level": "site"}, ""),
        ({}, "plate statistics"),
        ({"level": "cell_type"}, "cell type statistics"),
        ({"reference": "negative_controls"}, "negative controls of each plate"),
        ({"level": "screen", "reference": "controls"}, "controls of the screen"),
    ],
)
def test_what_is_used_of_a_test_screen_is_told(options: dict[str, Any], used: str) -> None:
    made = ZScore(ScaleOptions(**options))
    assert made.transductive == used
    assert made.needs == ((Measure.MOMENTS,) if used else ())
