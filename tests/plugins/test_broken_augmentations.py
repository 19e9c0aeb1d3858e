"""Augmentations that break a law of augmentations are caught by it."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from deepnoise_core.testing import augmentations
from deepnoise_core.testing.suites import Law
from deepnoise_plugins.views.augmentation import Views
from deepnoise_plugins.views.options import DeepNoiseOptions


class _AmbientViews(Views):
    """Draws from torch's generator."""

    def __call__(self, images: Tensor, view: str, keys: NDArray[np.uint64]) -> Tensor:
        return super().__call__(images, view, keys) * torch.rand(len(images), 1, 1, 1)


class _BatchViews(Views):
    """Gives every image the key of the first."""

    def __call__(self, images: Tensor, view: str, keys: NDArray[np.uint64]) -> Tensor:
        return super().__call__(images, view, keys[:1].repeat(len(keys)))


class _LooseChannels(Views):
    """Moves each channel on its own."""

    def __call__(self, images: Tensor, view: str, keys: NDArray[np.uint64]) -> Tensor:
        parts = [
            super(_LooseChannels, self).__call__(one[:, None], view, keys + np.uint64(c))
            for c, one in enumerate(images.unbind(1))
        ]
        return torch.cat(parts, dim=1)


class _GreedyViews(Views):
    """Writes into the images that it was given."""

    def __call__(self, images: Tensor, view: str, keys: NDArray[np.uint64]) -> Tensor:
        return images.copy_(super().__call__(images, view, keys))


class _Cropped(Views):
    """Cuts the border off."""

    def __call__(self, images: Tensor, view: str, keys: NDArray[np.uint64]) -> Tensor:
        return super().__call__(images, view, keys)[..., 1:-1, 1:-1]


class _AnyView(Views):
    """Makes the first view of a name that it does not know."""

    def __call__(self, images: Tensor, view: str, keys: NDArray[np.uint64]) -> Tensor:
        return super().__call__(images, view if view in self.views else self.views[0], keys)


class _OneView(Views):
    """Draws once, for all images and epochs."""

    def __call__(self, images: Tensor, view: str, keys: NDArray[np.uint64]) -> Tensor:
        return super().__call__(images, view, np.zeros_like(keys))


class _TurnedChannels(Views):
    """Lets channels trade places."""

    def __call__(self, images: Tensor, view: str, keys: NDArray[np.uint64]) -> Tensor:
        return super().__call__(images, view, keys).roll(1, dims=1)


class _Contrast(Views):
    """Divides by the spread without looking at it."""

    def __call__(self, images: Tensor, view: str, keys: NDArray[np.uint64]) -> Tensor:
        made = super().__call__(images, view, keys)
        return made / made.std(dim=(2, 3), keepdim=True)


@pytest.mark.parametrize(
    ("broken", "law", "message"),
    [
        (_AmbientViews, augmentations.an_image_depends_on_its_key_alone, "draws from torch's generator"),
        (_BatchViews, augmentations.an_image_depends_on_its_key_alone, "order of the batch"),
        (_LooseChannels, augmentations.channels_move_together, "moves channels apart"),
        (_Cropped, augmentations.views_keep_shape_and_type, r"\(16, 4, 24, 24\) becomes .* \(16, 4, 22, 22\)"),
        (_AnyView, augmentations.an_unknown_view_is_refused, "is made all the same"),
        (_OneView, augmentations.keys_change_the_view, "is the same for all keys"),
        (_TurnedChannels, augmentations.channels_keep_their_places, "shows channel 1 in another one"),
        (_Contrast, augmentations.flat_images_stay_finite, "of images of 0.0 is not finite"),
        (_GreedyViews, augmentations.images_are_left_alone, "writes into its input"),
    ],
)
def test_a_broken_augmentation_is_caught(broken: type[Views], law: Law, message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        law(lambda: broken(DeepNoiseOptions()))
