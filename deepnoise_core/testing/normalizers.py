"""Laws of normalizers, on a screen whose plates differ in brightness and contrast."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from deepnoise_core.contracts import Screen
from deepnoise_core.contracts.protocols import Normalizer
from deepnoise_core.data.randomness import sample_keys
from deepnoise_core.data.statistics import site_statistics
from deepnoise_core.data.stores import ArrayStore
from deepnoise_core.testing.laws import close, require
from deepnoise_core.testing.screens import random_screen

Make = Callable[[], Normalizer]


def raw_images_become_float32(make: Make) -> None:
    """8-bit images, and 16-bit ones as int32, become finite float32 of the same shape."""
    for screen in (random_screen(), random_screen(dtype="uint16")):
        images = _images(screen)
        made = _fitted(make, screen)(images, torch.arange(len(screen)))
        require(made.shape == images.shape, f"images {tuple(images.shape)} become {tuple(made.shape)}")
        require(made.dtype == torch.float32, f"{images.dtype} images become {made.dtype}, not float32")
        require(bool(made.isfinite().all()), f"{images.dtype} images become infinite or not a number")


def raw_images_are_left_alone(make: Make) -> None:
    """The images that are passed in keep their values."""
    screen = random_screen()
    images = _images(screen).float()
    before = images.clone()
    _fitted(make, screen)(images, torch.arange(len(screen)), _keys(screen))
    require(torch.equal(images, before), "the normalizer writes into its input")


def the_fit_ignores_the_order_of_sites(make: Make) -> None:
    """A screen with its rows in another order is normalized to the same images."""
    screen = random_screen()
    order = np.random.default_rng(1).permutation(len(screen))
    rows = torch.arange(len(screen))
    straight = _fitted(make, screen)(_images(screen), rows)
    shuffled = _fitted(make, screen.take(order))(_images(screen.take(order)), rows)
    require(close(shuffled, straight[torch.from_numpy(order)]), "the order of sites changes the result")


def the_fit_ignores_how_statistics_were_read(make: Make) -> None:
    """Statistics that were read one site at a time give the same images as those read at once."""
    screen = random_screen()
    rows = torch.arange(len(screen))
    one, other = (_fitted(make, screen, batch_size=size)(_images(screen), rows) for size in (1, 64))
    require(close(one, other), "the number of sites read at a time changes the result")


def a_constant_channel_stays_finite(make: Make) -> None:
    """A channel without any spread, dark or saturated, gives finite values, with jitter too."""
    screen = random_screen()
    pixels = screen.store.read(np.arange(len(screen)))
    pixels[:, 0], pixels[:, 1] = 0, 255
    flat = Screen(screen.sites, screen.channels, ArrayStore(pixels), screen.source)
    for keys in (None, _keys(flat)):
        made = _fitted(make, flat)(_images(flat), torch.arange(len(flat)), keys)
        require(bool(made.isfinite().all()), "a constant channel becomes infinite or not a number")


def evaluation_is_not_random(make: Make) -> None:
    """Without keys the result is the same whatever the state of torch's generator."""
    screen = random_screen()
    normalizer, rows, made = _fitted(make, screen), torch.arange(len(screen)), []
    with torch.random.fork_rng():
        for seed in (0, 1):
            torch.manual_seed(seed)
            made.append(normalizer(_images(screen), rows))
    require(torch.equal(*made), "without keys the result is random")


def an_image_stands_alone(make: Make) -> None:
    """An image depends on its pixels, its row and its key, and on no other image of its batch."""
    screen = random_screen()
    normalizer, images, rows = _fitted(make, screen), _images(screen), torch.arange(len(screen))
    for keys in (None, _keys(screen)):
        together = normalizer(images, rows, keys)
        for row in (0, len(screen) - 1):
            own = None if keys is None else keys[[row]]
            alone = normalizer(images[[row]], rows[[row]], own)
            require(close(alone, together[[row]]), "an image changes with the others of its batch")
        back = rows.flip(0)
        turned = normalizer(images[back], back, None if keys is None else keys[::-1].copy())
        require(close(turned, together[back]), "the order of a batch changes the result")


LAWS = (
    raw_images_become_float32,
    raw_images_are_left_alone,
    the_fit_ignores_the_order_of_sites,
    the_fit_ignores_how_statistics_were_read,
    a_constant_channel_stays_finite,
    evaluation_is_not_random,
    an_image_stands_alone,
)


def _fitted(make: Make, screen: Screen, batch_size: int = 64) -> Normalizer:
    normalizer = make()
    normalizer.fit(site_statistics(screen, batch_size=batch_size))
    return normalizer


def _images(screen: Screen) -> Tensor:
    pixels = screen.store.read(np.arange(len(screen)))
    return torch.from_numpy(pixels if pixels.dtype == np.uint8 else pixels.astype(np.int32))


def _keys(screen: Screen) -> NDArray[np.uint64]:
    return sample_keys(0, 1, np.arange(len(screen)), "jitter")
