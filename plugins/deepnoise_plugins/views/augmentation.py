"""Views by name, whatever a component calls them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from deepnoise_core.contracts.errors import InputError
from deepnoise_core.data.randomness import uniforms
from deepnoise_plugins.views.channels import channel_draws, recolour
from deepnoise_plugins.views.erasing import ERASING_DRAWS, erase
from deepnoise_plugins.views.geometry import GEOMETRY_DRAWS, move
from deepnoise_plugins.views.options import NamedViews


class Views:
    """Geometry in one resampling, then intensities, then an erased box: each as the view's settings say.

    Attributes:
        views: names.
        settings: name → how the view changes an image.
    """

    def __init__(self, options: NamedViews) -> None:
        self.settings = options.settings
        self.views = tuple(self.settings)

    def __call__(self, images: Tensor, view: str, keys: NDArray[np.uint64]) -> Tensor:
        """One view of normalized square images [B, C, H, H]; image i draws from `keys[i]` alone."""
        if view not in self.settings:
            raise InputError(f"this augmentation makes the views {', '.join(self.views)}, not {view!r}")
        options, places = self.settings[view], GEOMETRY_DRAWS + ERASING_DRAWS
        draws = uniforms(keys, places + channel_draws(images.shape[1]))
        geometry, erasing, channels = np.split(draws, [GEOMETRY_DRAWS, places], axis=1)
        seen = recolour(move(images, options, geometry), options, channels, keys)
        return erase(seen, options, erasing)
