"""Laws of augmentations."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from deepnoise_core.contracts.errors import InputError
from deepnoise_core.contracts.protocols import Augmentation
from deepnoise_core.data.randomness import sample_keys
from deepnoise_core.testing.laws import close, require

Make = Callable[[], Augmentation]
_SIZE, _CHANNELS, _SIDE = 16, 4, 24


def views_keep_shape_and_type(make: Make) -> None:
    """Each declared view of any number of images is finite, and of their shape and dtype."""
    augmentation = make()
    require(augmentation.views, "no view is declared")
    for view in augmentation.views:
        for images in (_images(), _images()[:1], _images()[:, :1], _images()[:, :, ::2, :17]):
            made = augmentation(images, view, _keys(view)[: len(images)])
            require(
                (made.shape, made.dtype) == (images.shape, images.dtype),
                f"view {view}: {images.dtype} {tuple(images.shape)} becomes {made.dtype} {tuple(made.shape)}",
            )
            require(bool(made.isfinite().all()), f"view {view} is infinite or not a number")


def an_unknown_view_is_refused(make: Make) -> None:
    """A view that is not declared is an InputError."""
    try:
        make()(_images(), "no such view", _keys(""))
    except InputError:
        return
    raise AssertionError("a view that is not declared is made all the same")


def images_are_left_alone(make: Make) -> None:
    """The images that are passed in keep their values, since other views are made of them too."""
    augmentation, images = make(), _images()
    for view in augmentation.views:
        augmentation(images, view, _keys(view))
        require(torch.equal(images, _images()), f"view {view} writes into its input")


def an_image_depends_on_its_key_alone(make: Make) -> None:
    """Batch order, batch size and the state of torch's generator change nothing."""
    augmentation, images = make(), _images()
    for view in augmentation.views:
        keys, made = _keys(view), []
        with torch.random.fork_rng():
            for seed in (0, 1):
                torch.manual_seed(seed)
                made.append(augmentation(images, view, keys))
        require(torch.equal(*made), f"view {view} draws from torch's generator")
        turned = augmentation(images.flip(0), view, keys[::-1].copy()).flip(0)
        require(close(turned, made[0]), f"view {view} changes with the order of the batch")
        parts = [augmentation(images[[i]], view, keys[[i]]) for i in range(len(images))]
        require(close(torch.cat(parts), made[0]), f"view {view} changes with the size of the batch")


def keys_change_the_view(make: Make) -> None:
    """One image under different keys looks different."""
    augmentation = make()
    images = _images()[:1].expand(_SIZE, -1, -1, -1)
    for view in augmentation.views:
        made = augmentation(images, view, _keys(view))
        require(any(not torch.equal(made[0], other) for other in made), f"view {view} is the same for all keys")


def channels_move_together(make: Make) -> None:
    """Equal channels stay equal, up to a scale and an offset a channel: the geometry is one for all.

    A channel may become flat. The images are so strong that noise, which is added to them and has no geometry,
    does not count.
    """
    augmentation = make()
    images = 1e5 * _images()[:, :1].expand(-1, _CHANNELS, -1, -1).contiguous()
    for view in augmentation.views:
        made = augmentation(images, view, _keys(view)).double().flatten(2)
        centred = made - made.mean(dim=2, keepdim=True)
        lengths = centred.norm(dim=2)
        products = centred @ centred.mT
        bounds = lengths[:, :, None] * lengths[:, None, :]
        seen = lengths > 1e-3 * lengths.amax()
        both = seen[:, :, None] & seen[:, None, :]
        require(bool((products.abs() > (1 - 1e-6) * bounds)[both].all()), f"view {view} moves channels apart")


def channels_keep_their_places(make: Make) -> None:
    """What one channel alone shows is seen in that channel alone, if at all: none takes another's place."""
    augmentation = make()
    for channel in range(_CHANNELS):
        images = torch.zeros(_SIZE, _CHANNELS, _SIDE, _SIDE)
        images[:, channel] = 1e5 * _images()[:, 0]
        for view in augmentation.views:
            spread = augmentation(images, view, _keys(view)).double().flatten(2).std(dim=2)
            shown = spread.amax(dim=1) > 1e3
            right = bool((spread.argmax(dim=1) == channel)[shown].all())
            require(right, f"view {view} shows channel {channel + 1} in another one")


def flat_images_stay_finite(make: Make) -> None:
    """Images that are black, or of one intensity, give finite views."""
    augmentation = make()
    for view in augmentation.views:
        for value in (0.0, 3.0):
            made = augmentation(torch.full_like(_images(), value), view, _keys(view))
            require(bool(made.isfinite().all()), f"view {view} of images of {value} is not finite")


BASIC = (
    views_keep_shape_and_type,
    an_unknown_view_is_refused,
    images_are_left_alone,
    flat_images_stay_finite,
)

LAWS = (
    *BASIC,
    an_image_depends_on_its_key_alone,
    keys_change_the_view,
    channels_move_together,
    channels_keep_their_places,
)


def _images() -> Tensor:
    return torch.randn(_SIZE, _CHANNELS, _SIDE, _SIDE, generator=torch.Generator().manual_seed(0))


def _keys(view: str) -> NDArray[np.uint64]:
    return sample_keys(0, 0, np.arange(_SIZE), view)
