"""From rows of a screen to what networks see: read, move, resize, normalize, augment."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from deepnoise_core.contracts import ImageStore, View
from deepnoise_core.contracts.protocols import Augmentation, Normalizer
from deepnoise_core.data.batches import read_ahead
from deepnoise_core.data.randomness import sample_keys
from deepnoise_core.data.tolerance import TolerantStore
from deepnoise_core.engine.transfer import sent


@dataclass(frozen=True)
class Inputs:
    """The path of an image from a store to the device.

    Attributes:
        store: raw pixels; a `TolerantStore` leaves out the sites that cannot be read.
        normalizer: fitted on the store's rows, or on those that `fitted` numbers.
        device: where views are made.
        image_size: side in pixels that sites are resized to; None keeps their own.
        fitted: place of each of the store's rows among those that the normalizer was fitted on, int64 [N]; None
            where they are the same.
        conditions: what the network is told of each of the store's rows, float32 [N, T]; None where nothing.
        layout: order of images in memory; convolutions mostly run fastest with channels last.
    """

    store: ImageStore
    normalizer: Normalizer
    device: torch.device
    image_size: int | None = None
    fitted: NDArray[np.int64] | None = None
    conditions: NDArray[np.float32] | None = None
    layout: torch.memory_format = torch.channels_last

    @property
    def bad(self) -> Mapping[int, str]:
        """Row → why it could not be read, so far."""
        return dict(self.store.bad) if isinstance(self.store, TolerantStore) else {}

    def read_ahead(
        self, batches: Iterable[NDArray[np.int64]]
    ) -> Generator[tuple[NDArray[np.int64], NDArray[Any]]]:
        """Rows and pixels [n, C, H, W] of each batch, in order, without the sites that are left out.

        Raises:
            ImageError: a site cannot be read and none may be left out, or too many would be.
        """
        for rows, pixels in read_ahead(self.store, batches):
            if isinstance(self.store, TolerantStore) and not (good := self.store.good(rows)).all():
                yield rows[good], pixels[good]
            else:
                yield rows, pixels

    def clean(self, pixels: NDArray[Any], rows: NDArray[np.int64]) -> View:
        """Normalized images [B, C, H, W] without anything random, for evaluation."""
        images = self._sized(self.normalizer(self._moved(pixels), self._index(rows)))
        return View(images.contiguous(memory_format=self.layout), self._condition(rows))

    def views(
        self,
        pixels: NDArray[Any],
        rows: NDArray[np.int64],
        names: Iterable[str],
        augmentation: Augmentation,
        *,
        seed: int,
        turns: NDArray[np.int64],
    ) -> dict[str, View]:
        """Random views of normalized images, by name; each a function of (seed, turn, row, name) alone."""
        raw, index = self._moved(pixels), self._index(rows)
        made, condition = {}, self._condition(rows)
        for name in names:
            jitter = sample_keys(seed, turns, rows, f"normalizer:{name}")
            images = self._sized(self.normalizer(raw, index, jitter))
            view = augmentation(images, name, sample_keys(seed, turns, rows, name))
            made[name] = View(view.contiguous(memory_format=self.layout), condition)
        return made

    def _moved(self, pixels: NDArray[Any]) -> Tensor:
        # torch has few operations on uint16, and int32 holds its values.
        pixels = pixels if pixels.dtype == np.uint8 else pixels.astype(np.int32)
        return sent(pixels, self.device)

    def _index(self, rows: NDArray[np.int64]) -> Tensor:
        # Normalizers look numbers up by rows before they send any, and would wait to have rows back from a GPU.
        return torch.from_numpy(rows if self.fitted is None else self.fitted[rows])

    def _condition(self, rows: NDArray[np.int64]) -> Tensor | None:
        return None if self.conditions is None else sent(self.conditions[rows], self.device)

    def _sized(self, images: Tensor) -> Tensor:
        if self.image_size is None or images.shape[-2:] == (self.image_size, self.image_size):
            return images
        return resized(images, self.image_size)


def resized(images: Tensor, side: int) -> Tensor:
    """Float images [B, C, H, W] as squares [B, C, side, side], bilinear and smoothed where they shrink."""
    return F.interpolate(images, size=(side, side), mode="bilinear", antialias=True)
