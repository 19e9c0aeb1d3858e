"""Colour composites of sites, stretched by their plate so that its wells compare, and small enough for a page."""

from __future__ import annotations

import io
from collections.abc import Mapping
from colorsys import hsv_to_rgb
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from deepnoise_core.contracts import Screen

COLOURS = np.array([(0, 0, 255), (0, 255, 0), (255, 0, 0), (0, 255, 255), (255, 0, 255), (255, 255, 0)]) / 255
"""RGB of the first six channels: blue, green, red, cyan, magenta and yellow, as RxRx1 shows them."""

_DARKEST, _BRIGHTEST = 10.0, 99.0
_SHARING = 0.6
_SITES, _SIDE = 16, 256
_LOWEST_QUALITY = 20


@dataclass(frozen=True)
class Levels:
    """Intensities that are shown as black and as full colour.

    Attributes:
        of_plate: (experiment, plate) → float32 [C, 2], low and high of each channel, low below high.
    """

    of_plate: Mapping[tuple[str, str], NDArray[np.float32]]

    def of(self, screen: Screen, row: int) -> NDArray[np.float32]:
        """Those of a site's plate, [C, 2].

        Raises:
            KeyError: no site of the plate was among those that the levels were taken of.
        """
        return self.of_plate[screen.sites["experiment"][row], screen.sites["plate"][row]]


def plate_levels(screen: Screen, rows: NDArray[np.int64]) -> Levels:
    """Levels of each plate that these sites lie on: percentiles of up to 16 of the sites, evenly spaced.

    Args:
        screen: N sites.
        rows: sites that can be read, int64 [n]; their order does not matter.

    Raises:
        ImageError: one of the sites that are looked at cannot be read.
    """
    ordered = np.sort(rows)
    plates = screen.sites.select("experiment", "plate")[ordered].rows()
    members: dict[tuple[str, str], list[int]] = {}
    for plate, row in zip(plates, ordered.tolist(), strict=True):
        members.setdefault(plate, []).append(row)
    _, height, width = screen.store.shape
    step = max(1, max(height, width) // _SIDE)
    levels = {}
    for plate, own in members.items():
        shown = np.array(own, dtype=np.int64)[:: -(-len(own) // _SITES)]
        pixels = screen.store.read(shown)[..., ::step, ::step]
        low, high = np.percentile(pixels, (_DARKEST, _BRIGHTEST), axis=(0, 2, 3))
        levels[plate] = np.stack([low, np.maximum(high, low + 1)], axis=1).astype(np.float32)
    return Levels(levels)


def channel_images(screen: Screen, row: int, *, size: int | None = None, levels: Levels) -> NDArray[np.uint8]:
    """Each channel of a site in grey.

    Args:
        screen: N sites.
        row: the site.
        size: longer side in pixels; None keeps that of the site, which is never enlarged.
        levels: of `plate_levels`; what lies outside of them is clipped.

    Returns:
        uint8 [C, h, w].

    Raises:
        ImageError: the site cannot be read.
    """
    pixels = screen.store.read(np.array([row]))[0]
    low, high = levels.of(screen, row)[:, :, None, None].swapaxes(0, 1)
    return _rounded(255 * np.clip((_shrunk(pixels, size) - low) / (high - low), 0, 1))


def coloured(channels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Grey channels [C, h, w] as one picture [h, w, 3]: a single one stays grey, several add up in `COLOURS`.

    The more channels share a primary colour the less each gives to it, and where they still add up to more than
    full brightness they keep their hue: so dense cells do not turn white.
    """
    if len(channels) == 1:
        return np.repeat(channels[0][:, :, None], 3, axis=2)
    colours = channel_colours(len(channels))
    share = np.maximum(colours.sum(axis=0), 1.0).max() ** -_SHARING
    light = np.tensordot(channels.astype(np.float32), share * colours, axes=(0, 0))
    return _rounded(light * (255 / np.maximum(light.max(axis=2, keepdims=True), 255)))


def channel_colours(count: int) -> NDArray[np.float32]:
    """RGB from 0 to 1 of so many channels, [count, 3]: a single one is white, those beyond six are pale hues."""
    if count == 1:
        return np.ones((1, 3), dtype=np.float32)
    further = [hsv_to_rgb((number + 0.5) / (count - 6), 0.6, 1.0) for number in range(count - 6)]
    return np.array([*COLOURS[:count], *further], dtype=np.float32)


def composite(screen: Screen, row: int, *, size: int | None = None, levels: Levels) -> NDArray[np.uint8]:
    """One site in colour, uint8 [h, w, 3]; arguments and errors as of `channel_images`."""
    return coloured(channel_images(screen, row, size=size, levels=levels))


def thumbnail(image: NDArray[np.uint8], *, quality: int = 60, most_bytes: int | None = None) -> bytes:
    """A picture as WebP.

    Args:
        image: uint8, [h, w] or [h, w, 3].
        quality: from 1 to 100.
        most_bytes: quality is lowered, and then the picture halved, until it takes no more; None: as it comes.

    Raises:
        ValueError: no picture at all takes so few bytes.
    """
    picture, tried = Image.fromarray(image), quality
    while len(data := _encoded(picture, tried)) > (most_bytes or len(data)):
        if tried > _LOWEST_QUALITY:
            tried = max(_LOWEST_QUALITY, tried * 2 // 3)
        elif max(picture.size) > 1:
            picture, tried = picture.reduce(2), quality
        else:
            raise ValueError(f"a picture takes at least {len(data)} bytes, but {most_bytes} are allowed")
    return data


def _rounded(values: NDArray[Any]) -> NDArray[np.uint8]:
    return np.asarray(np.rint(values), dtype=np.uint8)


def _encoded(picture: Image.Image, quality: int) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "WEBP", quality=quality, method=4)
    return buffer.getvalue()


def _shrunk(pixels: NDArray[Any], size: int | None) -> NDArray[np.float32]:
    """Channels [C, H, W] with areas averaged to a longer side of at most `size`."""
    _, height, width = pixels.shape
    scale = 1.0 if size is None else min(1.0, size / max(height, width))
    if scale == 1.0:
        return pixels.astype(np.float32)
    to = max(1, round(width * scale)), max(1, round(height * scale))
    planes = [Image.fromarray(plane.astype(np.float32)).resize(to, Image.Resampling.BOX) for plane in pixels]
    return np.stack([np.asarray(plane) for plane in planes])
