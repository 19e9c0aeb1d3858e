"""Illumination that is known: it is found, undone, and does not bias what is scaled by it."""

from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from deepnoise_core.contracts import Measure, Screen
from deepnoise_core.data.statistics import site_statistics
from deepnoise_core.data.stores import ArrayStore
from deepnoise_core.testing.screens import random_screen
from deepnoise_plugins.intensity.flat_field import FlatField
from deepnoise_plugins.intensity.illumination import Grid, at_pixels
from deepnoise_plugins.intensity.options import FlatFieldOptions

HEIGHT, WIDTH = 90, 70
LEVELS = {"site": np.arange(400), "plate": np.arange(400) // 100, "experiment": np.arange(400) // 200}


def parabola(bend: float, y: float, x: float) -> NDArray[np.float64]:
    """A vignette around (y, x), both from −1 to 1, with mean 1."""
    down, across = (2 * (np.arange(side) + 0.5) / side - 1 for side in (HEIGHT, WIDTH))
    surface = 1 - bend * ((down[:, None] - y) ** 2 + (across - x) ** 2)
    return np.asarray(surface / surface.mean())


LIGHT = np.stack(
    [
        [parabola(0.3, 0.1, -0.2), parabola(0.2, -0.3, 0.0), np.ones((HEIGHT, WIDTH))],
        [parabola(0.25, -0.2, 0.2), parabola(0.3, 0.0, 0.1), parabola(0.1, 0.2, 0.2)],
    ]
)
"""Illumination of two experiments and three channels, [2, 3, H, W]."""


@cache
def lit_screen(dark: int = 0) -> Screen:
    """Two experiments of 200 sites: Poisson images of plates of different brightness, unevenly lit."""
    generator = np.random.default_rng(0)
    screen = random_screen(wells=50, dtype="uint16")
    brightness = generator.uniform(60, 120, (4, 3))[np.arange(400) // 100]
    light = LIGHT[np.arange(400) // 200]
    pixels = generator.poisson(brightness[:, :, None, None] * light) + dark
    return Screen(screen.sites, screen.channels, ArrayStore(pixels.astype(np.uint16)), "lit")


def pixels_of(screen: Screen) -> NDArray[np.uint16]:
    return screen.store.read(np.arange(len(screen)))


def fitted(screen: Screen, **options: Any) -> FlatField:
    normalizer = FlatField(FlatFieldOptions(**options))
    normalizer.fit(site_statistics(screen, measures=(Measure.TILES,)))
    return normalizer


def normalized(screen: Screen, **options: Any) -> NDArray[np.float64]:
    images = torch.from_numpy(pixels_of(screen).astype(np.int32))
    made = fitted(screen, **options)(images, torch.arange(len(screen)))
    return np.asarray(made.numpy(), dtype=np.float64)


def estimated(screen: Screen, **options: Any) -> NDArray[np.float64]:
    """The illumination that the normalizer divides by, [2, 3, H, W]: one over what is made of ones."""
    normalizer = fitted(screen, **options)
    ones = torch.ones((2, 3, HEIGHT, WIDTH))
    return np.asarray(1 / normalizer.values(ones, np.array([0, 399])).numpy(), dtype=np.float64)


def test_a_parabola_is_found_under_200_poisson_images() -> None:
    error = estimated(lit_screen()) - LIGHT
    assert np.sqrt((error**2).mean(axis=(2, 3))).max() <= 0.02
    np.testing.assert_allclose(estimated(lit_screen()).mean(axis=(2, 3)), 1, atol=1e-6)


def test_the_fit_is_far_better_than_the_bar() -> None:
    """Two thousandths: what 200 Poisson images leave of their noise in 15 coefficients."""
    assert np.sqrt(((estimated(lit_screen()) - LIGHT) ** 2).mean(axis=(2, 3))).max() <= 0.002


def test_a_quadratic_is_enough_for_a_parabola_and_a_line_is_not() -> None:
    errors = [np.abs(estimated(lit_screen(), degree=degree) - LIGHT).mean() for degree in (1, 2)]
    assert errors[1] < 0.001 < 0.03 < errors[0]


def test_corrected_images_are_even_at_every_position() -> None:
    """The mean over all sites at each pixel varies by noise alone, and by a tenth of itself before."""
    screen = lit_screen()
    raw = pixels_of(screen)[:200].mean(axis=0)
    made = normalized(screen, level="experiment")
    spread = raw.std(axis=(1, 2)) / raw.mean(axis=(1, 2))
    assert (spread[:2] > 0.1).all()
    noise = 1 / np.sqrt(200)
    for experiment in (made[:200], made[200:]):
        assert (experiment.mean(axis=0).std(axis=(1, 2)) < 1.5 * noise).all()


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("dark", [0, 500])
def test_each_level_has_mean_zero_and_spread_one(level: Any, dark: int) -> None:
    """From tiles alone, and noise that grows with the light: nearly; where a site is its own scale, exactly."""
    made = normalized(lit_screen(dark), level=level, dark=dark)
    tolerance = 1e-5 if level == "site" else 5e-3
    for group in range(LEVELS[level].max() + 1):
        own = made[LEVELS[level] == group]
        np.testing.assert_allclose(own.mean(axis=(0, 2, 3)), 0, atol=tolerance)
        np.testing.assert_allclose(own.std(axis=(0, 2, 3)), 1, atol=tolerance)


def test_dark_is_subtracted_before_light_is_divided_by() -> None:
    np.testing.assert_allclose(
        normalized(lit_screen(500), dark=500), normalized(lit_screen()), atol=1e-3, rtol=1e-5
    )


def test_illumination_of_each_plate_is_its_own_where_asked_for() -> None:
    normalizer = fitted(lit_screen(), illumination="plate", level="screen")
    values = normalizer.values(torch.ones((4, 3, HEIGHT, WIDTH)), np.array([0, 100, 200, 300])).numpy()
    assert not np.array_equal(values[0], values[1])
    np.testing.assert_allclose(1 / values[3], LIGHT[1], atol=0.02)


def test_light_that_falls_to_nothing_is_left_and_noted() -> None:
    pixels = np.zeros((32, 3, 32, 32), dtype=np.uint8)
    pixels[:, 0, :4, :4] = 200
    pixels[:, 1] = 7
    screen = random_screen()
    screen = Screen(screen.sites, screen.channels, ArrayStore(pixels), "a corner")
    normalizer = fitted(screen)
    assert normalizer.notes == (
        *(
            f"the illumination of channel {channel} in experiment E{number} falls below a tenth of its mean "
            "somewhere: it is not corrected"
            for number in (0, 1)
            for channel in (1, 3)
        ),
        *(
            f"channel {channel} has no spread in 'plate E0/1', 'plate E0/2', 'plate E1/1', 'plate E1/2', and is "
            "only centred there"
            for channel in (2, 3)
        ),
    )
    made = normalizer(torch.from_numpy(pixels), torch.arange(32))
    assert made[:, 1:].abs().max() < 1e-5


@pytest.mark.parametrize("shape", [(8, 8), (16, 512), (61, 37), (3, 5), (1, 1), (1, 200)])
@pytest.mark.parametrize("degree", [1, 4, 6])
def test_tiles_and_pixels_see_the_same_surface(shape: tuple[int, int], degree: int) -> None:
    """The mean of a fitted surface's pixels over each tile is the tile's, for sites of any shape."""
    generator = np.random.default_rng(degree)
    pixels = site_statistics(
        Screen(
            random_screen(experiments=1, plates=1, wells=1, sites=1).sites,
            ("a",),
            ArrayStore(np.zeros((1, 1, *shape), dtype=np.uint8)),
            "shape",
        ),
        measures=(Measure.TILES,),
    ).tiles.pixels  # type: ignore[union-attr]
    grid = Grid(pixels, degree)
    surfaces = grid.fitted(generator.uniform(0.9, 1.1, (2, 8, 8)))
    values = at_pixels(surfaces[None], torch.zeros((1, 2, *shape)))[0].numpy()
    rows, columns = (np.flatnonzero(pixels.any(axis=axis)) for axis in (1, 0))
    edges = [np.arange(9) * side // 8 for side in shape]
    for y, row in enumerate(rows):
        for x, column in enumerate(columns):
            tile = values[:, edges[0][row] : edges[0][row + 1], edges[1][column] : edges[1][column + 1]]
            np.testing.assert_allclose(tile.mean(axis=(1, 2)), grid.means(surfaces)[0][:, y, x], atol=1e-5)
    np.testing.assert_allclose(values.mean(axis=(1, 2)), 1, atol=1e-5)


def test_what_is_used_of_a_test_screen_is_told() -> None:
    def used(**options: Any) -> str:
        return FlatField(FlatFieldOptions(**options)).transductive

    assert used() == "experiment illumination; plate statistics"
    assert used(level="site") == "experiment illumination"
    assert used(reference="negative_controls", illumination="screen") == (
        "negative controls of the screen; negative controls of each plate"
    )
