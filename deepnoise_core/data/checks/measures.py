"""What one look at the pixels of a site leaves behind: a few numbers a plane, none of which needs its plate.

Texture is told by scale. Averaging squares of 2 x 2 pixels again and again takes the variance of an image
away bit by bit; the bit that the k-th step takes is the variance of structures about 2**k pixels wide. The bits
sum up to the variance, and their proportions depend neither on gain nor on offset.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

_SMALLEST_SIDE = 8
_SKEWNESS_STEP = 1
_CORRELATION_STEP = 2


@dataclass(frozen=True)
class Measures:
    """Measures of all planes of a screen; NaN, or -1, or digest 0, where a plane could not be read.

    Attributes:
        digest: hash of the pixels, uint64 [N, C].
        lowest: smallest intensity, int64 [N, C].
        highest: largest intensity, int64 [N, C].
        at_highest: share of the pixels that have it, [N, C].
        bands: variance by scale, from the finest; the last is the rest, [N, C, K]; K >= 1.
        skewness: third standardised moment at half the resolution, [N, C].
        correlation: between the channels of a site at a quarter of the resolution, [N, C, C].
    """

    digest: NDArray[np.uint64]
    lowest: NDArray[np.int64]
    highest: NDArray[np.int64]
    at_highest: Floats
    bands: Floats
    skewness: Floats
    correlation: Floats

    @classmethod
    def blank(cls, sites: int, channels: int, height: int, width: int) -> Measures:
        """Measures of planes [H, W] that nobody has looked at yet."""
        nothing = np.full((sites, channels), np.nan, dtype=np.float32)
        bands = 1 + _steps(height, width)
        return cls(
            digest=np.zeros((sites, channels), dtype=np.uint64),
            lowest=np.full((sites, channels), -1),
            highest=np.full((sites, channels), -1),
            at_highest=nothing.copy(),
            bands=np.full((sites, channels, bands), np.nan, dtype=np.float32),
            skewness=nothing.copy(),
            correlation=np.full((sites, channels, channels), np.nan, dtype=np.float32),
        )

    @property
    def textured(self) -> NDArray[np.bool_]:
        """Which planes were read and have more than one intensity, bool [N, C]."""
        return self.lowest < self.highest

    def note(self, row: int, planes: Sequence[NDArray[Any] | None]) -> None:
        """Measure the planes of one site, each [H, W], or None where it could not be read."""
        coarse: dict[int, Floats] = {}
        for channel, plane in enumerate(planes):
            if plane is not None:
                coarse[channel] = self._note_plane(row, channel, plane)
        if coarse:
            seen = np.array(list(coarse))
            self.correlation[row][np.ix_(seen, seen)] = _correlation(np.stack(list(coarse.values())))

    def _note_plane(self, row: int, channel: int, plane: NDArray[Any]) -> Floats:
        """Measure a plane; returns it at a quarter of its resolution."""
        where = row, channel
        content = np.ascontiguousarray(plane)
        digest = hashlib.blake2b(content.reshape(-1).data, digest_size=8).digest()
        self.digest[where] = np.frombuffer(digest, dtype=np.uint64)[0]
        self.lowest[where], self.highest[where] = content.min(), content.max()
        self.at_highest[where] = np.mean(content == self.highest[where])
        scales = [content.astype(np.float32)]
        for _ in range(self.bands.shape[-1] - 1):
            scales.append(_halved(scales[-1]))
        variances = [image.var() for image in scales]
        self.bands[where] = np.append(-np.diff(variances), variances[-1]).clip(min=0)
        self.skewness[where] = _skewness(scales[min(_SKEWNESS_STEP, len(scales) - 1)])
        return scales[min(_CORRELATION_STEP, len(scales) - 1)]


def _steps(height: int, width: int) -> int:
    """How often an image is halved: until its shorter side is below `_SMALLEST_SIDE`."""
    steps, side = 0, min(height, width)
    while side >= _SMALLEST_SIDE:
        steps, side = steps + 1, side // 2
    return steps


def _halved(image: Floats) -> Floats:
    """Means of squares of 2 x 2 pixels; an odd last row or column is left out."""
    height, width = image.shape
    pairs = image[0 : height - 1 : 2] + image[1:height:2]
    halved: Floats = (pairs[:, 0 : width - 1 : 2] + pairs[:, 1:width:2]) * np.float32(0.25)
    return halved


def _skewness(image: Floats) -> float:
    deviation = (image - image.mean()).ravel()
    squares = deviation * deviation
    variance = float(squares.mean())
    return float(np.dot(squares, deviation)) / len(deviation) / variance**1.5 if variance > 0 else 0.0


def _correlation(images: Floats) -> Floats:
    """Pearson's r between images [C, h, w]; 0 with one that is constant."""
    flat = images.reshape(len(images), -1).astype(np.float64)
    flat -= flat.mean(axis=1, keepdims=True)
    norm = np.sqrt(np.einsum("ij,ij->i", flat, flat))
    flat /= np.where(norm > 0, norm, 1.0)[:, None]
    products: Floats = np.einsum("ik,jk->ij", flat, flat).astype(np.float32)
    return products
