"""Composites: one scale a plate, known colours, and bytes within a budget."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import deepnoise as dn
from deepnoise.pictures.composite import (
    channel_colours,
    channel_images,
    coloured,
    composite,
    plate_levels,
    thumbnail,
)
from deepnoise_core.contracts import Screen
from deepnoise_core.data.stores import ArrayStore
from deepnoise_core.testing.screens import random_screen


def decoded(data: bytes) -> Image.Image:
    with Image.open(io.BytesIO(data)) as image:
        image.load()
        assert image.format == "WEBP"
        return image.copy()


def test_channels_are_stretched_by_the_percentiles_of_their_plate() -> None:
    screen = random_screen(dtype="uint16")
    rows = np.arange(len(screen))
    levels = plate_levels(screen, rows)
    assert set(levels.of_plate) == {(f"E{e}", f"{p}") for e in range(2) for p in (1, 2)}
    own = np.flatnonzero((screen.column("experiment") == "E1") & (screen.column("plate") == "2"))
    pixels = screen.store.read(own)
    low, high = np.percentile(pixels, (10, 99), axis=(0, 2, 3))
    np.testing.assert_allclose(levels.of(screen, int(own[0])), np.stack([low, high], axis=1), rtol=1e-6)
    wanted = 255 * np.clip((pixels[3].astype(float) - low[:, None, None]) / (high - low)[:, None, None], 0, 1)
    grey = channel_images(screen, int(own[3]), levels=levels)
    assert np.abs(grey - wanted).max() <= 0.51
    shuffled = plate_levels(screen, np.random.default_rng(0).permutation(rows))
    for plate, found in levels.of_plate.items():
        np.testing.assert_array_equal(found, shuffled.of_plate[plate])


def test_areas_are_averaged_and_nothing_is_enlarged() -> None:
    screen = random_screen(side=16, experiments=1, plates=1)
    levels = plate_levels(screen, np.arange(len(screen)))
    low, high = levels.of(screen, 0).T[..., None, None]
    means = screen.store.read(np.array([0]))[0].reshape(3, 4, 4, 4, 4).mean(axis=(2, 4))
    wanted = 255 * np.clip((means - low) / (high - low), 0, 1)
    assert np.abs(channel_images(screen, 0, size=4, levels=levels) - wanted).max() <= 0.51
    assert composite(screen, 0, size=99, levels=levels).shape == (16, 16, 3)


def test_an_even_plate_is_black_and_no_division_by_zero() -> None:
    screen = random_screen(experiments=1, plates=1)
    flat = Screen(screen.sites, screen.channels, ArrayStore(np.full((8, 3, 9, 5), 7, np.uint8)), "flat")
    levels = plate_levels(flat, np.arange(8))
    assert composite(flat, 0, size=6, levels=levels).shape == (6, 3, 3)
    assert not composite(flat, 0, levels=levels).any()


@pytest.mark.parametrize("count", range(1, 10))
def test_a_channel_alone_has_its_colour_and_all_together_keep_within_range(count: int) -> None:
    colours = channel_colours(count)
    assert len(np.unique(colours, axis=0)) == count
    for channel in range(count):
        light = np.zeros((count, 1, 1), np.uint8)
        light[channel] = 255
        shown = coloured(light)[0, 0].astype(float)
        np.testing.assert_allclose(shown / shown.max(), colours[channel], atol=0.01)
    assert coloured(np.full((count, 1, 1), 255, np.uint8)).max() == 255


@pytest.mark.parametrize("shape", [(64, 48), (64, 48, 3), (1, 1)])
def test_thumbnails_decode_and_keep_to_their_budget(shape: tuple[int, ...]) -> None:
    image = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    assert decoded(thumbnail(image)).size == (shape[1], shape[0])
    small = thumbnail(image, quality=80, most_bytes=400)
    assert len(small) <= 400
    decoded(small)
    assert small == thumbnail(image, quality=80, most_bytes=400)
    with pytest.raises(ValueError, match="at least"):
        thumbnail(image, most_bytes=5)


def test_real_sites_look_like_cells(shared: Callable[[str], Path]) -> None:
    for name in ("rxrx1_images", "nf1_images"):
        screen = dn.open_screen(shared(name))
        levels = plate_levels(screen, np.arange(len(screen)))
        shown = composite(screen, 0, size=128, levels=levels)
        assert max(shown.shape) == 128
        assert 20 < shown.mean() < 140
        assert len(thumbnail(shown)) < 12_000
