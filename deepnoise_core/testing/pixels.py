"""Pixels as tests give them to small networks: on the CPU, and as they are but for their range."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from deepnoise_core.contracts import ImageStore, Measure
from deepnoise_core.engine.inputs import Inputs


class PlainNormalizer:
    """Divides by 255, and needs to know nothing of the screen."""

    needs: tuple[Measure, ...] = ()
    notes: tuple[str, ...] = ()
    transductive = ""

    def fit(self, statistics: object) -> None:
        """Nothing."""

    def __call__(self, images: Tensor, rows: Tensor, keys: NDArray[np.uint64] | None = None) -> Tensor:
        """Raw images of any type → float32 of the same shape."""
        return images.float() / 255


def plain_inputs(store: ImageStore, image_size: int | None = None) -> Inputs:
    """The path of a store's images through such a normalizer."""
    return Inputs(store, PlainNormalizer(), torch.device("cpu"), image_size=image_size)
