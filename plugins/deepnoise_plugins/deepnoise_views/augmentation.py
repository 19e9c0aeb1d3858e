"""The views easy, normal and hard of DeepNoise (arXiv 2209.05772)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from deepnoise_core.contracts.errors import InputError
from deepnoise_core.data.randomness import uniforms
from deepnoise_plugins.deepnoise_views.erasing import ERASING_DRAWS, erase
from deepnoise_plugins.deepnoise_views.geometry import GEOMETRY_DRAWS, affine_maps, resample
from deepnoise_plugins.deepnoise_views.options import ViewsOptions


class DeepNoiseViews:
    """easy: flips, one 90° turn, shift, scale, aspect; normal: and erasing; hard: and a crop resized back."""

    views = ("easy", "normal", "hard")

    def __init__(self, options: ViewsOptions) -> None:
        self.options = options

    def __call__(self, images: Tensor, view: str, keys: NDArray[np.uint64]) -> Tensor:
        """One view of normalized square images [B, C, H, H]; image i draws from `keys[i]` alone."""
        if view not in self.views:
            raise InputError(f"augmentation deepnoise makes the views {', '.join(self.views)}, not {view!r}")
        draws = uniforms(keys, GEOMETRY_DRAWS + ERASING_DRAWS)
        geometry, erasing = draws[:, :GEOMETRY_DRAWS], draws[:, GEOMETRY_DRAWS:]
        seen = resample(images, affine_maps(self.options, geometry, crop=view == "hard"))
        return seen if view == "easy" else erase(seen, self.options, erasing)
