"""Laws of normalizers, on a screen whose plates differ in brightness and contrast."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from typing import Literal

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray
from torch import Tensor

from deepnoise_core.contracts import Measure, Role, Screen
from deepnoise_core.contracts.protocols import Normalizer, PortableNormalizer
from deepnoise_core.data.randomness import sample_keys
from deepnoise_core.data.statistics import site_statistics
from deepnoise_core.data.stores import ArrayStore
from deepnoise_core.testing.laws import close, require
from deepnoise_core.testing.screens import random_screen

Make = Callable[[], Normalizer]
Depth = Literal["uint8", "uint16"]
DEPTHS: tuple[Depth, ...] = ("uint8", "uint16")


def raw_images_become_float32(make: Make) -> None:
    """8-bit images, and 16-bit ones as int32, become finite float32 of the same shape; so does a lone pixel."""
    for screen in (*map(_screen, DEPTHS), _screen(side=1)):
        images = _images(screen)
        made = _fitted(make, screen)(images, _rows(screen))
        require(made.shape == images.shape, f"images {tuple(images.shape)} become {tuple(made.shape)}")
        require(made.dtype == torch.float32, f"{images.dtype} images become {made.dtype}, not float32")
        require(bool(made.isfinite().all()), f"{images.dtype} images become infinite or not a number")


def raw_images_are_left_alone(make: Make) -> None:
    """The images that are passed in keep their values."""
    screen = _screen()
    for images in (_images(screen), _images(screen).float()):
        before = images.clone()
        _fitted(make, screen)(images, _rows(screen), _keys(screen))
        require(torch.equal(images, before), "the normalizer writes into its input")


def what_is_asked_for_suffices(make: Make) -> None:
    """A fit sees what `needs` names and nothing else; where that is nothing, there is no fit."""
    screen = _screen()
    full, scant = make(), make()
    full.fit(site_statistics(screen, measures=tuple(Measure)))
    if scant.needs:
        scant.fit(site_statistics(screen, measures=scant.needs))
    try:
        made = scant(_images(screen), _rows(screen))
    except (IndexError, AttributeError, TypeError, ValueError) as error:
        raise AssertionError("the normalizer uses more than it needs") from error
    require(torch.equal(made, full(_images(screen), _rows(screen))), "the normalizer uses more than it needs")
    require(all(isinstance(note, str) for note in full.notes), "notes are lines of text")


def the_fit_ignores_the_order_of_sites(make: Make) -> None:
    """A screen with its rows in another order is normalized to the same images, bit for bit."""
    for screen in map(_screen, DEPTHS):
        order = np.random.default_rng(1).permutation(len(screen))
        straight = _fitted(make, screen)(_images(screen), _rows(screen))
        shuffled = _fitted(make, screen.take(order))(_images(screen), torch.from_numpy(np.argsort(order)))
        require(torch.equal(shuffled, straight), "the order of sites changes the result")


def the_fit_ignores_how_statistics_are_held(make: Make) -> None:
    """Statistics taken from those of another order, as of a pack, give the same images, bit for bit."""
    for screen in map(_screen, DEPTHS):
        order, taken = np.random.default_rng(1).permutation(len(screen)), make()
        statistics = site_statistics(screen.take(order), measures=taken.needs)
        taken.fit(statistics.take(np.argsort(order)))
        made, expected = (one(_images(screen), _rows(screen)) for one in (taken, _fitted(make, screen)))
        require(torch.equal(made, expected), "the way statistics are held changes the result")


def a_second_fit_forgets_the_first(make: Make) -> None:
    """A normalizer that was fitted on another screen before gives what a new one gives."""
    screen = _screen()
    used = _fitted(make, _screen(seed=1))
    used.fit(site_statistics(screen, measures=used.needs))
    made, expected = (one(_images(screen), _rows(screen)) for one in (used, _fitted(make, screen)))
    require(torch.equal(made, expected), "what was fitted before changes the result")


def unknown_rows_are_refused(make: Make) -> None:
    """A row that no fit has seen raises an error where anything is fitted: another row's scale would be wrong."""
    screen = _screen()
    normalizer = _fitted(make, screen)
    if not normalizer.needs:
        return
    try:
        normalizer(_images(screen)[:1], torch.tensor([len(screen)]))
    except Exception:  # noqa: BLE001, any error will do: it is a defect of the engine to ask
        return
    raise AssertionError("a row that was not fitted is normalized")


def a_constant_channel_stays_finite(make: Make) -> None:
    """A dark channel, a saturated one and one with a single bright pixel give finite values, with jitter too."""
    for depth in DEPTHS:
        screen = _screen(depth)
        pixels = _pixels(screen)
        pixels[:, 0], pixels[:, 1], pixels[:, 2] = 0, np.iinfo(depth).max, 0
        pixels[0, 2, 0, 0] = np.iinfo(depth).max
        flat = _with_pixels(screen, pixels)
        for keys in (None, _keys(flat)):
            made = _fitted(make, flat)(_images(flat), _rows(flat), keys)
            require(bool(made.isfinite().all()), "a constant channel becomes infinite or not a number")


def evaluation_is_not_random(make: Make) -> None:
    """Torch's generator changes nothing: not without keys, and not with the same keys."""
    screen = _screen()
    normalizer = _fitted(make, screen)
    for keys, words in ((None, "without keys"), (_keys(screen), "with the same keys")):
        made = []
        with torch.random.fork_rng():
            for seed in (0, 1):
                torch.manual_seed(seed)
                made.append(normalizer(_images(screen), _rows(screen), keys))
        require(torch.equal(*made), f"{words} the result is random")


def an_image_stands_alone(make: Make) -> None:
    """An image depends on its pixels, its row and its key, and on no other image of its batch."""
    screen = _screen()
    normalizer, images, rows = _fitted(make, screen), _images(screen), _rows(screen)
    for keys in (None, _keys(screen)):
        together = normalizer(images, rows, keys)
        for row in (0, len(screen) - 1):
            own = None if keys is None else keys[[row]]
            alone = normalizer(images[[row]], rows[[row]], own)
            require(close(alone, together[[row]]), "an image changes with the others of its batch")
        back = rows.flip(0)
        turned = normalizer(images[back], back, None if keys is None else keys[::-1].copy())
        require(close(turned, together[back]), "the order of a batch changes the result")


def arithmetic_is_what_the_normalizer_does(make: Make) -> None:
    """With its own statistics, the arithmetic of a portable normalizer gives the same images within 1e-5."""
    for screen in map(_screen, DEPTHS):
        normalizer = _fitted(make, screen)
        if not isinstance(normalizer, PortableNormalizer):
            return
        images, arithmetic = torch.from_numpy(_pixels(screen)), normalizer.arithmetic()
        statistics = normalizer.statistics_of(_images(screen), _rows(screen))
        require(len(statistics) == len(arithmetic.statistics), "there are as many statistics as names")
        made = arithmetic.module(images, *map(torch.from_numpy, statistics))
        require(
            close(made, normalizer(_images(screen), _rows(screen)), 1e-5),
            "the arithmetic differs from the normalizer",
        )


def what_it_uses_of_other_images_is_said(make: Make) -> None:
    """Where the pixels of other sites change an image, `transductive` says what of the screen is used."""
    screen = _screen()
    pixels = _pixels(screen)
    pixels[1:] = 255 - pixels[1:] // 2
    normalizer, other = _fitted(make, screen), _fitted(make, _with_pixels(screen, pixels))
    require(isinstance(normalizer.transductive, str), "transductive is a line of text, or empty")
    one, same = (each(_images(screen)[:1], torch.tensor([0])) for each in (normalizer, other))
    require(normalizer.transductive or torch.equal(one, same), "other images change the result without a word")


def names_have_no_say(make: Make) -> None:
    """A fit on a screen whose experiments, plates, cell types and perturbations are named otherwise is the same.

    Their names come in the reverse order, so that none can be the first by its name alone.
    """
    screen = _screen()
    other = {
        name: pl.lit("z") + (10_000 - pl.col(name).rank("dense").cast(pl.Int64)).cast(pl.String)
        for name in ("experiment", "plate", "cell_type", "perturbation")
    }
    renamed = replace(screen, sites=screen.sites.with_columns(**other))
    made, same = (_fitted(make, each)(_images(screen), _rows(screen)) for each in (screen, renamed))
    require(torch.equal(made, same), "other names change the result")


def images_stay_on_their_device(make: Make) -> str | None:
    """Images on an accelerator, where there is one, become there what they become on the CPU."""
    if not torch.accelerator.is_available():
        return "no accelerator here, so images stayed on the CPU"
    screen, device = _screen(), torch.accelerator.current_accelerator()
    normalizer = _fitted(make, screen)
    made = normalizer(_images(screen).to(device), _rows(screen).to(device))
    require(made.device.type == getattr(device, "type", None), f"images on {device} come back on {made.device}")
    require(close(made.cpu(), normalizer(_images(screen), _rows(screen)), 1e-4), f"on {device} images differ")
    return None


BASIC = (
    raw_images_become_float32,
    raw_images_are_left_alone,
    what_is_asked_for_suffices,
    unknown_rows_are_refused,
)

LAWS = (
    *BASIC,
    the_fit_ignores_the_order_of_sites,
    the_fit_ignores_how_statistics_are_held,
    a_second_fit_forgets_the_first,
    a_constant_channel_stays_finite,
    evaluation_is_not_random,
    an_image_stands_alone,
    arithmetic_is_what_the_normalizer_does,
    what_it_uses_of_other_images_is_said,
    names_have_no_say,
    images_stay_on_their_device,
)


def only_reference_wells_are_measured(make: Make, roles: Collection[Role] = (Role.NEGATIVE_CONTROL,)) -> None:
    """A fit on the wells of these roles is the same, bit for bit, whatever the pixels of all other wells.

    For normalizers with such an option alone, and so not one of `LAWS`.
    """
    screen = _screen()
    pixels = _pixels(screen)
    others = ~np.isin(screen.column("role").astype(str), [role.value for role in roles])
    pixels[others] = 255 - pixels[others] // 2
    made, same = (
        _fitted(make, each)(_images(screen), _rows(screen)) for each in (screen, _with_pixels(screen, pixels))
    )
    require(torch.equal(made, same), "pixels of wells beyond the reference change the result")


def _screen(dtype: Depth = "uint8", *, side: int = 16, seed: int = 0) -> Screen:
    """Four plates of two negative controls, a positive one and three treatments, two sites each."""
    screen = random_screen(wells=6, dtype=dtype, side=side, seed=seed)
    role = pl.col("well").replace_strict(
        {"B02": Role.NEGATIVE_CONTROL, "B03": Role.NEGATIVE_CONTROL, "B04": Role.POSITIVE_CONTROL},
        default=Role.TREATMENT,
        return_dtype=pl.String,
    )
    return replace(screen, sites=screen.sites.with_columns(role=role))


def _with_pixels(screen: Screen, pixels: NDArray[np.unsignedinteger]) -> Screen:
    return replace(screen, store=ArrayStore(pixels))


def _fitted(make: Make, screen: Screen) -> Normalizer:
    normalizer = make()
    normalizer.fit(site_statistics(screen, measures=normalizer.needs))
    return normalizer


def _pixels(screen: Screen) -> NDArray[np.unsignedinteger]:
    return screen.store.read(np.arange(len(screen)))


def _images(screen: Screen) -> Tensor:
    pixels = _pixels(screen)
    return torch.from_numpy(pixels if pixels.dtype == np.uint8 else pixels.astype(np.int32))


def _rows(screen: Screen) -> Tensor:
    return torch.arange(len(screen))


def _keys(screen: Screen) -> NDArray[np.uint64]:
    return sample_keys(0, 1, np.arange(len(screen)), "jitter")
