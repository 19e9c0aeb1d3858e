"""Normalizers by quantiles and logs against NumPy, scikit-image, scikit-learn and pycytominer."""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.typing import NDArray
from pydantic import ValidationError
from skimage.exposure import rescale_intensity
from sklearn.preprocessing import RobustScaler

from deepnoise_core.contracts import Measure, Screen
from deepnoise_core.data.randomness import sample_keys, uniforms
from deepnoise_core.data.statistics import site_statistics
from deepnoise_core.testing.screens import random_screen
from deepnoise_plugins.intensity.counted import counted_on_device, image_histogram
from deepnoise_plugins.intensity.log import LogZScore
from deepnoise_plugins.intensity.options import PercentileOptions, ScaleOptions
from deepnoise_plugins.intensity.percentile import MinMax, Percentile
from deepnoise_plugins.intensity.robust import Robust

MakeScreen = Callable[..., tuple[Screen, NDArray[Any]]]
PLATES = np.array([0, 0, 1, 1, 2, 3])
LEVELS = {"site": np.arange(6), "plate": PLATES, "screen": np.zeros(6, dtype=int)}


def tensor(pixels: NDArray[Any]) -> torch.Tensor:
    return torch.from_numpy(pixels if pixels.dtype == np.uint8 else pixels.astype(np.int32))


def normalized(made: Any, screen: Screen) -> NDArray[np.float32]:
    made.fit(site_statistics(screen, measures=made.needs))
    images = tensor(screen.store.read(np.arange(len(screen))))
    result: NDArray[np.float32] = made(images, torch.arange(len(screen))).numpy()
    return result


def by_group(
    pixels: NDArray[Any], groups: NDArray[Any], rule: Callable[[NDArray[np.float64]], NDArray[np.float64]]
) -> NDArray[np.float64]:
    """The rule on all values of each group and channel, in the shape of the pixels."""
    made = np.empty(pixels.shape)
    for group in np.unique(groups):
        for channel in range(pixels.shape[1]):
            own = pixels[groups == group, channel].astype(np.float64)
            made[groups == group, channel] = rule(own)
    return made


def quantile(values: NDArray[np.float64], percent: float) -> float:
    return float(np.quantile(values, percent / 100, method="inverted_cdf"))


def robust(values: NDArray[np.float64]) -> NDArray[np.float64]:
    median = quantile(values, 50)
    mad = quantile(np.abs(values - median), 50)
    return (values - median) / (1.482602218505602 * mad if mad else 1)


def log_z(values: NDArray[np.float64]) -> NDArray[np.float64]:
    logs = np.log1p(values)
    return np.asarray((logs - logs.mean()) / (logs.std() if np.ptp(logs) else 1))


def between(low: float, high: float) -> Callable[[NDArray[np.float64]], NDArray[np.float64]]:
    def rule(values: NDArray[np.float64]) -> NDArray[np.float64]:
        least, most = quantile(values, low), quantile(values, high)
        return np.clip((values - least) / ((most - least) or 1), 0, 1)

    return rule


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize(
    ("make", "options", "rule"),
    [
        (Robust, ScaleOptions, robust),
        (LogZScore, ScaleOptions, log_z),
        (MinMax, ScaleOptions, between(0, 100)),
        (Percentile, PercentileOptions, between(0.1, 99.9)),
        (
            lambda options: Percentile(options.model_copy(update={"low": 5, "high": 60})),
            PercentileOptions,
            between(5, 60),
        ),
    ],
    ids=["robust", "log", "min-max", "percentile", "percentile-5-60"],
)
def test_each_level_follows_its_definition(
    make: Any, options: Any, rule: Any, dtype: str, level: Any, six_sites: MakeScreen
) -> None:
    screen, pixels = six_sites(dtype, constant=True)
    made = normalized(make(options(level=level)), screen)
    np.testing.assert_allclose(made, by_group(pixels, LEVELS[level], rule), atol=3e-6)


def test_percentiles_are_scikit_images_stretch(six_sites: MakeScreen) -> None:
    screen, pixels = six_sites("uint8")
    made = normalized(Percentile(PercentileOptions(level="site", low=2, high=98)), screen)
    for site in range(6):
        for channel in range(3):
            image = pixels[site, channel].astype(np.float64)
            ends = (quantile(image, 2), quantile(image, 98))
            stretched = rescale_intensity(image, in_range=ends, out_range=(0.0, 1.0))
            np.testing.assert_allclose(made[site, channel], stretched, atol=1e-6)


@pytest.mark.parametrize("level", ["plate", "site"])
def test_robust_is_pycytominers_on_pixels(level: Any) -> None:
    """pycytominer takes the mean of the middle two of an even number; of an odd one, medians are the same."""
    screen = random_screen(sites=1, wells=3, side=15)
    pixels = screen.store.read(np.arange(len(screen)))
    made = normalized(Robust(ScaleOptions(level=level)), screen)
    for group in np.split(np.arange(12), 12 if level == "site" else 4):
        values = pixels[group].transpose(0, 2, 3, 1).reshape(-1, 3).astype(np.float64)
        with warnings.catch_warnings():  # pycytominer sets an option that pandas deprecates
            warnings.simplefilter("ignore")
            from pycytominer import normalize
        frame = pd.DataFrame(values, columns=["w1", "w2", "w3"]).assign(Metadata_Plate="1")
        expected = normalize(
            frame,
            features=["w1", "w2", "w3"],
            meta_features=["Metadata_Plate"],
            samples="all",
            method="mad_robustize",
            mad_robustize_epsilon=0,
        )
        ours = made[group].transpose(0, 2, 3, 1).reshape(-1, 3)
        np.testing.assert_allclose(ours, expected[["w1", "w2", "w3"]].to_numpy(), atol=1e-5)


def test_robust_and_scikit_learns_differ_by_the_spread_alone() -> None:
    """RobustScaler divides by the distance of interpolated quartiles, not by the median distance."""
    screen = random_screen(experiments=1, plates=1, sites=1, wells=3, side=15)
    values = screen.store.read(np.arange(3)).transpose(0, 2, 3, 1).reshape(-1, 3).astype(np.float64)
    made = normalized(Robust(ScaleOptions()), screen).transpose(0, 2, 3, 1).reshape(-1, 3)
    theirs = RobustScaler().fit(values)
    mad = np.median(np.abs(values - theirs.center_), axis=0)
    expected = theirs.transform(values) * theirs.scale_ / (1.482602218505602 * mad)
    np.testing.assert_allclose(made, expected, atol=1e-5)


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_a_histogram_counted_on_a_device_is_the_same(dtype: str, six_sites: MakeScreen) -> None:
    image = tensor(six_sites(dtype)[1])[0]
    expected = image_histogram(image)
    assert np.array_equal(counted_on_device(image.flatten(1), expected.shape[1]), expected)
    assert np.array_equal(image_histogram(image.to(torch.float32))[:, : expected.shape[1]], expected)


def test_jitter_moves_percentiles_and_keeps_the_range(six_sites: MakeScreen) -> None:
    screen, pixels = six_sites("uint8")
    made = Percentile(PercentileOptions(jitter=0.1, low=10, high=90))
    made.fit(site_statistics(screen, measures=made.needs))
    keys = sample_keys(0, 0, np.arange(6), "jitter")
    found = made(tensor(pixels), torch.arange(6), keys).numpy()
    factors = 1 + 0.1 * (2 * uniforms(keys, 6) - 1)
    own = pixels[PLATES == 0]
    for channel in range(3):
        low, high = quantile(own[:, channel], 10), quantile(own[:, channel], 90)
        shifted = (pixels[0, channel] - low * factors[0, channel]) / ((high - low) * factors[0, 3 + channel])
        np.testing.assert_allclose(found[0, channel], np.clip(shifted, 0, 1), atol=2e-6)


@pytest.mark.parametrize(
    ("model", "options", "message"),
    [
        (PercentileOptions, {"low": 50, "high": 50}, "must be above low, which is 50"),
        (PercentileOptions, {"high": 101}, "less than or equal to 100"),
        (ScaleOptions, {"level": "site", "reference": "controls"}, "a site alone has no reference sites"),
        (ScaleOptions, {"level": "well"}, "'site', 'plate'|Input should be"),
        (ScaleOptions, {"minimum": 0}, "greater than or equal to 1"),
    ],
)
def test_options_that_make_no_sense_are_refused(model: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        model(**options)


def test_four_control_sites_are_enough_and_one_of_all() -> None:
    assert ScaleOptions().enough == 1
    assert ScaleOptions(reference="negative_controls").enough == 4
    assert ScaleOptions(reference="controls", minimum=2).enough == 2
    assert Robust(ScaleOptions(level="site")).needs == ()
    assert Robust(ScaleOptions()).needs == (Measure.HISTOGRAMS,)
